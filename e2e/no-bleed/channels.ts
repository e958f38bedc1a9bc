/** Channels: some of the session's own, some of the same name as everybody's. */
import { bulk, deed, integer, list, says } from './deed.ts';
import { get } from './keys.ts';
import { type Deed, type Expected, type Life, nothing } from './life.ts';

type Move = (life: Life) => readonly Deed[];

function confirmation(life: Life, kind: 'subscribe' | 'unsubscribe', channel: string): Expected {
  if (life.protocol === 3) return nothing;
  return list([bulk(kind), bulk(channel), integer(life.channels.size)]);
}

/** In RESP2 no other command may follow before the last channel is left. */
export const subscribe: Move = (life) => {
  const channel = life.pick(['news', `${life.mark}news`, 'sport']);
  const join = deed(['SUBSCRIBE', channel], () => {
    life.channels.add(channel);
    life.joined.add(channel);
    return confirmation(life, 'subscribe', channel);
  });
  const leave = deed(['UNSUBSCRIBE', channel], () => {
    life.channels.delete(channel);
    return confirmation(life, 'unsubscribe', channel);
  });
  const value = life.value();
  if (life.protocol === 2) {
    return [join, says(list([bulk('pong'), bulk(value)]), 'PING', value), leave, get(life)];
  }
  return life.channels.has(channel) ? [leave, get(life)] : [join, get(life)];
};

export const publish: Move = (life) => {
  const channel = life.pick(['news', 'sport', `${life.mark}news`, `${life.mark}none`]);
  const value = life.value();
  const tell = deed(['PUBLISH', channel, value], () => {
    const hears = life.channels.has(channel);
    if (hears) life.awaited.set(value, 1);
    // Others of the tenant may hear every channel, or be heard of a little longer than they live.
    return hears ? /^:[1-9]\d*\r\n$/ : /^:\d+\r\n$/;
  });
  // Nobody lives to hear a sharded channel.
  return [tell, says(/^:\d+\r\n$/, 'SPUBLISH', 'news', value), get(life)];
};
