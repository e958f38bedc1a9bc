/** What every gateway must do, run against each adapter. */
import { test } from 'node:test';
import { consumerStories } from './conformance/consumers.ts';
import { faultStories } from './conformance/faults.ts';
import { fetchStories } from './conformance/fetch.ts';
import { produceStories } from './conformance/produce.ts';
import type { GatewayRig } from './conformance/rig.ts';
import { topicStories } from './conformance/topics.ts';

const stories = {
  ...topicStories,
  ...produceStories,
  ...fetchStories,
  ...consumerStories,
  ...faultStories,
};

/** Registers the suite; `open` is called once a story, and gives gateways nobody has used. */
export function testGateway(name: string, open: () => Promise<GatewayRig>): void {
  for (const [title, story] of Object.entries(stories)) {
    test(`${name} ${title}`, async () => {
      const rig = await open();
      try {
        await story(rig);
      } finally {
        await Promise.all([rig.gateway.close(), rig.lost.close()]);
      }
    });
  }
}
