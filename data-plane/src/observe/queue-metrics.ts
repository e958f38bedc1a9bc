/** What the proxy counts of each Kafka backend, as Prometheus text. */
import { Counter, Gauge, type Registry } from 'prom-client';

/** One Kafka backend as it is now; counts begin anew when it is opened anew. */
export interface KafkaSample {
  readonly backend: string;
  /** What was asked of it last was answered. */
  readonly answers: boolean;
  /** Records stored, and the bytes of their keys and values. */
  readonly pushes: number;
  readonly pushedBytes: number;
  readonly pushErrors: number;
  /** Of those: the record may be stored all the same. */
  readonly pushesInDoubt: number;
  /** KPOP with a place, KOFFSET, KPARTITION and KLAG. */
  readonly reads: number;
  readonly recordsRead: number;
  readonly readErrors: number;
  /** Records that wait to be stored or are under way, by record-size.ts. */
  readonly queuedRecords: number;
  readonly queuedBytes: number;
  /** Memory of records that were read a moment ago. */
  readonly windowBytes: number;
}

type Figure = Exclude<keyof KafkaSample, 'backend' | 'answers'>;
type Row = readonly [figure: Figure, name: string, help: string];

const counters: readonly Row[] = [
  ['pushes', 'pushes_total', 'Records stored by every replica in sync.'],
  ['pushedBytes', 'pushed_bytes_total', 'Keys and values of those records.'],
  ['pushErrors', 'push_errors_total', 'Pushes answered with an error.'],
  ['pushesInDoubt', 'pushes_in_doubt_total', 'Of those: the record may be stored all the same.'],
  ['reads', 'reads_total', 'KPOP with a place, KOFFSET, KPARTITION and KLAG.'],
  ['recordsRead', 'records_read_total', 'Records handed out.'],
  ['readErrors', 'read_errors_total', 'Reads answered with an error.'],
];

const gauges: readonly Row[] = [
  ['queuedRecords', 'queued_records', 'Records that wait to be stored or are under way.'],
  ['queuedBytes', 'queued_bytes', 'Memory of those records.'],
  ['windowBytes', 'window_bytes', 'Memory of records read a moment ago.'],
];

/** `samples` is called once for each figure; backends that left are forgotten. */
export function queueMetrics(registry: Registry, samples: () => readonly KafkaSample[]): void {
  const shape = { labelNames: ['backend'], registers: [registry] };
  for (const [figure, name, help] of counters) {
    new Counter({
      ...{ name: `respool_kafka_${name}`, help, ...shape },
      collect() {
        this.reset();
        for (const sample of samples()) this.inc({ backend: sample.backend }, sample[figure]);
      },
    });
  }
  for (const [figure, name, help] of gauges) {
    new Gauge({
      ...{ name: `respool_kafka_${name}`, help, ...shape },
      collect() {
        this.reset();
        for (const sample of samples()) this.set({ backend: sample.backend }, sample[figure]);
      },
    });
  }
  new Gauge({
    ...{ name: 'respool_kafka_up', help: '1 while what is asked of it is answered.', ...shape },
    collect() {
      this.reset();
      for (const { backend, answers } of samples()) this.set({ backend }, answers ? 1 : 0);
    },
  });
}
