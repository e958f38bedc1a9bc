/** What the spine works with: the state it serves from, limits, meters. Tied together by main.ts. */
import type { Monitors } from './carry/monitors.ts';
import type { Unsettled } from './carry/unsettled.ts';
import type { HeldBytes } from './command/backing.ts';
import type { Command } from './command/request.ts';
import type { ClientConnection } from './listen/connection.ts';
import type { PushGuard } from './listen/push-guard.ts';
import type { Meter } from './observe/meter.ts';
import type { Observe } from './observe/observe.ts';
import type { Positions } from './positions/positions.ts';
import type { Wishes } from './positions/wishes.ts';
import type { RequestLimits } from './resp/request-scanner.ts';
import type { AnswerServices } from './session/services.ts';
import type { Session } from './session/session.ts';
import type { ProxyState } from './state.ts';

export interface RequestLimitSet {
  readonly request: RequestLimits;
  /** Before AUTH: nobody may make us hold much. */
  readonly anonymous: RequestLimits;
  /** Bytes of replies that one command of several steps may gather. */
  readonly workBytesMax: number;
  /** How long one command of several steps may go on. */
  readonly workMsMax: number;
}

export interface FoundClient {
  readonly session: Session;
  readonly connection: ClientConnection;
}

export interface DataPlane {
  /** The one reference: read once per batch, swapped between two turns. */
  readonly state: ProxyState;
  readonly limits: RequestLimitSet;
  readonly observe: Observe;
  readonly services: AnswerServices;
  /** Who watches whose commands. */
  readonly monitors: Monitors;
  /** Counts what clients do before they are anybody. */
  readonly nobody: Meter;
  /** Index of the family `connection`. */
  readonly connectionFamily: number;
  /** The one command off the fast lane, read anew for each. */
  readonly command: Command;
  /** What commands of several steps hold now, all clients together. */
  readonly held: HeldBytes;
  /** Watches clients that get more than replies. */
  readonly pushes: PushGuard;
  /** Records that clients have and have not settled yet. */
  readonly unsettled: Unsettled;
  /** Managed positions of queues; null where this proxy keeps none. */
  readonly positions: Positions | null;
  /** The way to a control plane; null where there is none. */
  readonly wishes: Wishes | null;
  /** A client of this process by its CLIENT ID; null when there is none. */
  findClient(id: number): FoundClient | null;
  /** A command failed by a fault of ours: for the log. */
  failed(client: { readonly id: number }, error: unknown): void;
}
