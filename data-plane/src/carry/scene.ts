/** Who asked for the command that is being carried out, and what it is carried out with. */
import type { Command } from '../command/request.ts';
import type { ClientConnection } from '../listen/connection.ts';
import type { Meter } from '../observe/meter.ts';
import type { DataPlane } from '../proxy.ts';
import type { Session } from '../session/session.ts';

export interface Scene {
  readonly proxy: DataPlane;
  readonly session: Session;
  readonly client: ClientConnection;
}

/** Carries `command` out; false when it must be offered again because the client is held. */
export type Carrier = (scene: Scene, command: Command) => boolean;

/** Looks at an admitted command before anybody carries it out: null when it goes its usual way. */
export type Detour = (scene: Scene, command: Command) => boolean | null;

/** The meter that counts what this client asks. */
export function meterOf({ proxy, session }: Scene): Meter {
  return session.user?.tenant.meter ?? proxy.nobody;
}
