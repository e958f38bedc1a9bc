/** Bounds the content of answers that are under way, as far as it was asked for: of a tenant, and of all. */

/** Of one tenant. It has at most as much as it leaves free: a slow Kafka of one starves nobody else. */
export class TenantBudget {
  readonly #all: AnswerBudget;
  #bytes = 0;

  constructor(all: AnswerBudget) {
    this.#all = all;
  }

  /** False when there is no room: `fed` is called once there is some. A single answer always has. */
  reserve(bytes: number, fed: () => void): boolean {
    const all = this.#all;
    if (bytes > 0 && all.bytes > 0 && this.#bytes + bytes > all.bytesMax - all.bytes) {
      all.starve(fed);
      return false;
    }
    this.#bytes += bytes;
    all.bytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
    this.#all.bytes -= bytes;
    this.#all.feed();
  }
}

export class AnswerBudget {
  readonly bytesMax: number;
  bytes = 0;
  readonly #tenants = new Map<string, TenantBudget>();
  readonly #starved = new Set<() => void>();

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  of(tenant: string): TenantBudget {
    let budget = this.#tenants.get(tenant);
    if (budget === undefined) {
      budget = new TenantBudget(this);
      this.#tenants.set(tenant, budget);
    }
    return budget;
  }

  starve(fed: () => void): void {
    this.#starved.add(fed);
  }

  feed(): void {
    if (this.#starved.size === 0) return;
    const starved = [...this.#starved];
    this.#starved.clear();
    for (const fed of starved) fed();
  }
}
