/** Whether a proxy looks after a position at the moment: read from the leases on NATS. */
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { errors, type NatsConnection } from '@nats-io/transport-node';
import { sessionEntry, unitEntry, unitEntryKey } from '@respool/contracts/leases';
import { sessionBucket, unitBucket } from '@respool/contracts/subjects';
import type { z } from 'zod';

export type UnitName = Parameters<typeof unitEntryKey>[0];

export interface UnitOwners {
  /** Throws when NATS does not tell. */
  isOwned(unit: UnitName): Promise<boolean>;
}

const answerMsMax = 5_000;

export class NatsUnitOwners implements UnitOwners {
  readonly #manager: JetStreamManager;

  private constructor(manager: JetStreamManager) {
    this.#manager = manager;
  }

  static async open(connection: NatsConnection): Promise<NatsUnitOwners> {
    const options = { timeout: answerMsMax, checkAPI: false };
    return new NatsUnitOwners(await jetstreamManager(connection, options));
  }

  /** A session that ended has no entry any more, or its proxy began anew under another one. */
  async isOwned(unit: UnitName): Promise<boolean> {
    const held = await this.#read(unitBucket, unitEntryKey(unit), unitEntry);
    const owner = held?.owner ?? null;
    if (owner === null) return false;
    const [proxy = ''] = owner.split('.');
    return (await this.#read(sessionBucket, proxy, sessionEntry))?.session === owner;
  }

  /** Null where there is nothing that could be read, down to the bucket itself. */
  async #read<S extends z.ZodType>(
    bucket: string,
    key: string,
    schema: S,
  ): Promise<z.infer<S> | null> {
    const place = { last_by_subj: `$KV.${bucket}.${key}` };
    try {
      const message = await this.#manager.direct.getMessage(`KV_${bucket}`, place);
      if (message === null || message.data.length === 0) return null;
      const parsed = schema.safeParse(JSON.parse(new TextDecoder().decode(message.data)));
      return parsed.success ? parsed.data : null;
    } catch (error) {
      if (error instanceof SyntaxError || isAbsent(error)) return null;
      throw error;
    }
  }
}

/** No stream of that name listens: no proxy has ever had a position. */
function isAbsent(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof errors.NoRespondersError) return true;
  }
  return false;
}
