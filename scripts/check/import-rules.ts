/** The import rules: who may know whom (STYLE.md sections 1 and 7). */
import { cyclesOf, type Import } from './imports.ts';
import type { Complaint } from './sources.ts';

/** What every stage of the data plane may stand on. */
const ground = ['resp', 'command', 'script', 'observe'];
/** These call the stages; a stage never calls another. */
const wiring = ['listen', 'carry'];

/** The folder whose sources may be reached by a path from elsewhere: programs for tests and bench. */
const sharedFolder = 'scripts/';

type Rule = (edge: Import) => string | null;

const rules: readonly Rule[] = [
  function packagesMeetByName({ from, specifier, target }) {
    if (target === null || !specifier.startsWith('.')) return null;
    const [mine, theirs] = [packageOf(from), packageOf(target)];
    if (mine === theirs || target.startsWith(sharedFolder)) return null;
    return `reaches into ${theirs}: import @respool/${theirs}/… instead`;
  },
  function contractsStandAlone({ from, target }) {
    if (packageOf(from) !== 'contracts' || target === null) return null;
    return packageOf(target) === 'contracts' ? null : 'contracts import nothing of ours';
  },
  function kafkaStandsOnContracts({ from, target }) {
    if (isTest(from) || packageOf(from) !== 'kafka' || target === null) return null;
    const isGround = ['kafka', 'contracts'].includes(packageOf(target));
    return isGround ? null : 'both planes import kafka/, so it knows neither';
  },
  function decidersArePure({ from, specifier }) {
    if (isTest(from) || !from.startsWith('control-plane/src/decide/')) return null;
    const impure = /^node:|^@nats-io\/|^fastify/.test(specifier);
    return impure ? 'a decider is pure: neither Node, nor NATS, nor fastify' : null;
  },
  function httpKnowsNoLog({ from, target, isType }) {
    if (isTest(from) || isType || !from.startsWith('control-plane/src/http/')) return null;
    // The one place that says what a failure of the log is called in an answer.
    if (from === 'control-plane/src/http/errors.ts') return null;
    const isLog = target?.startsWith('control-plane/src/log/') === true;
    return isLog ? 'http/ reaches the log through change.ts and the views only' : null;
  },
  function stagesStandOnTheGround({ from, target }) {
    if (isTest(from) || target === null) return null;
    const [mine, theirs] = [stageOf(from), stageOf(target)];
    if (mine === null || theirs === null || mine === theirs) return null;
    if (wiring.includes(mine) || ground.includes(theirs)) return null;
    return `the stage ${mine}/ may not know the stage ${theirs}/`;
  },
];

/** `paths` are the files there are: an import inside a template's text leads to none of them. */
export function importComplaints(all: readonly Import[], paths: ReadonlySet<string>): Complaint[] {
  const imports = all.filter(({ target }) => target === null || paths.has(target));
  const broken = imports.flatMap((edge) =>
    rules.flatMap((rule) => {
      const message = rule(edge);
      if (message === null) return [];
      return [{ path: edge.from, line: edge.line, message: `"${edge.specifier}": ${message}` }];
    }),
  );
  const circular = cyclesOf(imports).map((cycle) => {
    const [path = ''] = cycle;
    return { path, line: 1, message: `import cycle: ${[...cycle, path].join(' → ')}` };
  });
  return [...broken, ...circular];
}

function packageOf(path: string): string {
  return path.split('/')[0] ?? '';
}

/** The folder right below data-plane/src; null for files that lie there themselves. */
function stageOf(path: string): string | null {
  return /^data-plane\/src\/([^/]+)\//.exec(path)?.[1] ?? null;
}

/** Tests, and the doubles they share, set stages up by others. */
function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || path.includes('/test/');
}
