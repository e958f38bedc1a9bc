/** Commands that wait for records: how many in the process, and how many of them of each tenant. */

/** Of one tenant; they count in those of the process, too. */
export class TenantWaiting {
  readonly #all: Waiting;
  #count = 0;

  constructor(all: Waiting) {
    this.#all = all;
  }

  get count(): number {
    return this.#count;
  }

  set count(count: number) {
    this.#all.count += count - this.#count;
    this.#count = count;
  }
}

export class Waiting {
  readonly #tenants = new Map<string, TenantWaiting>();
  count = 0;

  of(tenant: string): TenantWaiting {
    let waiting = this.#tenants.get(tenant);
    if (waiting === undefined) {
      waiting = new TenantWaiting(this);
      this.#tenants.set(tenant, waiting);
    }
    return waiting;
  }
}
