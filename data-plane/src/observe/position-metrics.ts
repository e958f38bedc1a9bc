/** What the proxy counts of the positions it owns and of those its clients ask for, as Prometheus text. */
import { Counter, Gauge, type Registry } from 'prom-client';

/** Positions of this proxy as they are now; see `ManagedPositions.sample`. */
export interface PositionsSample {
  /** The lease is held without which nothing is owned and nothing lent. */
  readonly leased: boolean;
  /** Since the start; with one, what was lent to clients of this proxy is lent again. */
  readonly leasesLost: number;
  /** Owned units, and records of them that are out. */
  readonly owned: number;
  readonly out: number;
  /** Commands that wait for records. */
  readonly waiting: number;
  readonly aheadBytes: number;
  /** Ownerships since the start: begun, lost, handed on to the proxy that should have them. */
  readonly taken: number;
  readonly fenced: number;
  readonly moved: number;
  /** Of units owned now, since their ownership began. */
  readonly redeliveries: number;
  readonly skipped: number;
  readonly deadLetters: number;
  readonly commits: number;
  readonly commitErrors: number;
  readonly noticesSent: number;
  readonly noticesLost: number;
  /** Messages of other proxies that could not be read or answered. */
  readonly dropped: number;
}

type Figure = Exclude<keyof PositionsSample, 'leased'>;
type Row = readonly [figure: Figure, name: string, help: string];

const counters: readonly Row[] = [
  ['leasesLost', 'leases_lost_total', 'Leases lost: records out through this proxy come again.'],
  ['taken', 'taken_total', 'Positions this proxy began to own.'],
  ['fenced', 'lost_total', 'Of those: lost with its lease, or to another proxy.'],
  ['moved', 'moved_total', 'Of those: handed on to the proxy that should have them.'],
  ['redeliveries', 'redeliveries_total', 'Records given out again.'],
  ['skipped', 'skipped_total', 'Records that were gone before they could be given out.'],
  ['deadLetters', 'dead_letters_total', 'Records that were given out too often.'],
  ['commits', 'commits_total', 'Commits to Kafka.'],
  ['commitErrors', 'commit_errors_total', 'Commits that Kafka refused or did not answer.'],
  ['noticesSent', 'notices_total', 'Notices to operators that were stored.'],
  ['noticesLost', 'notices_lost_total', 'Notices that were not.'],
  ['dropped', 'messages_dropped_total', 'Messages of other proxies that could not be read.'],
];

const gauges: readonly Row[] = [
  ['owned', 'owned', 'Positions this proxy owns now.'],
  ['out', 'records_out', 'Records of them that are out now.'],
  ['waiting', 'pops_waiting', 'Commands that wait for records now.'],
  ['aheadBytes', 'ahead_bytes', 'Memory of records read ahead.'],
];

export function positionMetrics(registry: Registry, sample: () => PositionsSample): void {
  const registers = [registry];
  for (const [figure, name, help] of counters) {
    new Counter({
      ...{ name: `respool_positions_${name}`, help, registers },
      collect() {
        this.reset();
        this.inc(sample()[figure]);
      },
    });
  }
  for (const [figure, name, help] of gauges) {
    new Gauge({
      ...{ name: `respool_positions_${name}`, help, registers },
      collect() {
        this.set(sample()[figure]);
      },
    });
  }
  new Gauge({
    ...{ name: 'respool_positions_leased', help: '1 while its lease is held.', registers },
    collect() {
      this.set(sample().leased ? 1 : 0);
    },
  });
}
