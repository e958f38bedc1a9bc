/** A transaction on its way: the commands that are sent as one, and who takes what comes of it. */
import type { Meter } from '../observe/meter.ts';

export interface Unit {
  /** `MULTI`, the commands, `EXEC`, as the backend is to see them. */
  readonly bytes: Buffer;
  /** How many commands stand between MULTI and EXEC. */
  readonly commands: number;
  readonly protocol: 2 | 3;
  readonly database: number;
  /** Of all keys; null where no command names one. */
  readonly slot: number | null;
  /** Nothing in it changes anything: it may be executed twice. */
  readonly reads: boolean;
  readonly family: number;
  readonly meter: Meter;
}

/** Takes the outcome of a {@link Unit}: the reply to EXEC, or the error there is instead. */
export interface UnitReader {
  /** As `LeaseReader.read`, of the reply to EXEC alone: an array, or nil after a WATCH. */
  read(bytes: Buffer, start: number, end: number, done: boolean): boolean;
  /**
   * Ends it, even where a part was read. `error` begins with its first word; it says where something
   * may have been executed.
   */
  refuse(error: string): void;
}
