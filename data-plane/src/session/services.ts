/** What the proxy lends its local answers. */
import type { InfoFacts, KeyspaceSample } from '../observe/info.ts';
import type { Observe } from '../observe/observe.ts';
import type { Resp } from '../resp/resp.ts';
import type { Authenticator } from './authenticate.ts';
import type { Announced } from './cluster.ts';
import type { ConfigFacts } from './config.ts';
import type { Session } from './session.ts';

/** The clients of this process. */
export interface Roster {
  /** Sessions that are this tenant's now, in the order they came. */
  of(tenant: string): Iterable<Session>;
}

export interface AnswerServices {
  readonly authenticator: Authenticator;
  readonly observe: Observe;
  readonly clients: Roster;
  readonly config: ConfigFacts;
  /** Figures for INFO as this session may see them, the keyspace left out. */
  infoFacts(session: Session): InfoFacts;
  /** Where cluster-mode clients of this session's address find the one virtual node. */
  announced(session: Session): Announced;
  /** Hash slot of a key as the client calls it. */
  slotOf(key: Buffer): number;
  /** Asks the primary that owns `slot`; an error reply is a value, and so is no reply in time. */
  askSlot(session: Session, slot: number, args: readonly string[]): Promise<Resp>;
  /** The session's databases that hold keys; empty where that is not known within a moment. */
  keyspace(session: Session): Promise<readonly KeyspaceSample[]>;
}
