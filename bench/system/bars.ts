/** The bars the product set itself against its peers, and whether a run meets them. */
import { type BackendKind, bigBytes, type CommandCase } from './cases.ts';
import type { Row } from './rows.ts';

export interface Comparison {
  case: CommandCase;
  depth: number;
  valueBytes: number;
  table: 'standalone' | 'cluster';
  peer: Row;
  /** respool's CPU per request over the peer's. */
  ratio: number;
  /** The highest ratio allowed; null where the bar says nothing. */
  limit: number | null;
}

/**
 * GET and SET: at most 1.1 at depth 1 and 0.6 when pipelined, against both peers, standalone and
 * cluster. MGET of ten keys on the cluster: at most what Envoy needs. ketama is no cluster. With
 * values of 50 KB most of the work is the kernel's copying, the same for all, however deep the
 * pipeline: redis-server itself needs 0.7 of a proxy there. So 1.1 holds at every depth.
 */
export function limitOf({ backend, ...peer }: PeerCase): number | null {
  if (backend === 'ketama') return null;
  if (peer.case === 'MGET10') return backend === 'cluster' ? 1 : null;
  return peer.depth === 1 || peer.valueBytes >= bigBytes ? 1.1 : 0.6;
}

type PeerCase = Pick<Row, 'case' | 'depth' | 'valueBytes' | 'backend' | 'target'>;

export function tableOf(backend: BackendKind): 'standalone' | 'cluster' {
  return backend === 'standalone' ? 'standalone' : 'cluster';
}

/** respool beside each peer and each of its variants, case by case. */
export function compare(rows: readonly Row[]): Comparison[] {
  return rows
    .filter((row) => row.target === 'respool')
    .flatMap((own) =>
      rows
        .filter((row) => row.target === 'nutcracker' || row.target === 'envoy')
        .filter((row) => sameCase(row, own))
        .map((peer) => {
          const table = tableOf(own.backend);
          const { case: command, depth, valueBytes } = own;
          const ratio = own.cpuUsPerRequest / peer.cpuUsPerRequest;
          const limit = limitOf(peer);
          return { case: command, depth, valueBytes, table, peer, ratio, limit };
        }),
    );
}

function sameCase(a: Row, b: Row): boolean {
  return (
    a.case === b.case &&
    a.depth === b.depth &&
    a.valueBytes === b.valueBytes &&
    tableOf(a.backend) === tableOf(b.backend)
  );
}

/** Judged on the ratio as printed, two decimals, so that table and verdict cannot disagree. */
export function meets({ ratio, limit }: Comparison): boolean | null {
  return limit === null ? null : Number(ratio.toFixed(2)) <= limit;
}
