/** The log in memory behaves as every event log must, and fails as it is told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collect, patience } from '../../test/events.ts';
import { testEventLog } from './conformance.ts';
import { LogGap } from './log.ts';
import { MemoryLog } from './memory.ts';

testEventLog('the memory log', async () => {
  const log = new MemoryLog();
  return {
    log,
    another: async () => log,
    failNext: (...faults) => log.failNext(...faults),
    setReachable: (reachable) => log.setReachable(reachable),
    close: () => log.close(),
  };
});

test('the memory log throws where an event is missing', async () => {
  const log = new MemoryLog();
  const signal = patience();
  for (const [expected, requestId] of ['a', 'b'].entries()) {
    await log.append({ bytes: Buffer.from('{}'), expected, requestId, subject: 's', signal });
  }
  log.drop(1);
  await assert.rejects(collect(log.read(0, signal)), LogGap);
});
