/** What the proxy lends its local answers. */
import type { InfoFacts } from '../observe/info.ts';
import type { Observe } from '../observe/observe.ts';
import type { Authenticator } from './authenticate.ts';
import type { Session } from './session.ts';

export interface AnswerServices {
  readonly authenticator: Authenticator;
  readonly observe: Observe;
  /** Figures for INFO as this session may see them. */
  infoFacts(session: Session): InfoFacts;
}
