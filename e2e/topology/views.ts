/** What the control plane tells, parsed by the contract and so checked against it. */
import {
  type EventAnswer,
  eventsAnswer,
  type ProxyAnswer,
  proxiesAnswer,
  type RolloutAnswer,
  type StateAnswer,
  stateAnswer,
  writeAnswer,
} from '@respool/contracts/api-answers';
import type { Api, ApiAnswer } from './api.ts';
import { until } from './until.ts';

export async function proxiesOf(api: Api): Promise<ProxyAnswer[]> {
  return proxiesAnswer.parse((await api.get('/v1/proxies')).body).items;
}

export async function headOf(api: Api): Promise<number> {
  return proxiesAnswer.parse((await api.get('/v1/proxies')).body).sequence;
}

export async function stateOf(api: Api, at?: string | number): Promise<StateAnswer> {
  const options = at === undefined ? {} : { query: { at } };
  return stateAnswer.parse((await api.get('/v1/state', options)).body);
}

/** The whole log, page by page. */
export async function eventsOf(api: Api): Promise<EventAnswer[]> {
  const events: EventAnswer[] = [];
  for (let after: number | null = 0; after !== null; ) {
    const answer = await api.get('/v1/events', { query: { after, limit: 500 } });
    const page: { items: EventAnswer[]; next: number | null } = eventsAnswer.parse(answer.body);
    events.push(...page.items);
    after = page.next;
  }
  return events;
}

/** Who had applied a change when the answer to it was given. */
export function rolloutOf(answer: ApiAnswer): RolloutAnswer & { reached: boolean } {
  const { rollout } = writeAnswer.parse(answer.body);
  if (rollout === undefined) throw new Error('the answer tells no rollout: asked without wait?');
  return rollout;
}

/**
 * Waits until the control plane has heard from `count` proxies that they serve with the log's end.
 */
export async function converged(api: Api, count: number): Promise<ProxyAnswer[]> {
  return until(
    async () => {
      const head = await headOf(api);
      const proxies = await proxiesOf(api);
      const there = proxies.filter((each) => each.status === 'applied' && each.sequence === head);
      return there.length === count ? there : null;
    },
    { what: `${count} proxies to serve with the head of the log`, everyMs: 50 },
  );
}
