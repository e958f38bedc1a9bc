/** What becomes of each command, in general and for a tenant: the API's twin of PROXY COMMAND. */
import assert from 'node:assert/strict';
import {
  commandsAnswer,
  commandsQuery,
  tenantCommandAnswer,
  tenantCommandsAnswer,
  tenantCommandsQuery,
} from '@respool/contracts/commands/answers';
import {
  type Circumstances,
  type Contract,
  contractOf,
  foreignContract,
  usual,
} from '@respool/contracts/commands/contract';
import { commands, families } from '@respool/contracts/commands/table';
import { tenantId } from '@respool/contracts/ids';
import { own } from '@respool/contracts/snapshot';
import { z } from 'zod';
import { readResponses } from './answers.ts';
import { type App, type Plane, stageOf, tenantStateOf } from './app.ts';
import { ApiError } from './errors.ts';

const tags = ['commands'];
const ofTenant = '/v1/tenants/:tenant/commands';
const tenantParams = z.object({ tenant: tenantId });
const commandParams = tenantParams.extend({ command: z.string().max(64) });

/** Those that can be run: a container is no command of its own. */
const runnable = commands.filter(({ subcommands }) => subcommands === null);

export function commandResource(app: App, plane: Plane): void {
  const general = {
    tags,
    summary: 'What becomes of each command on a standalone backend and on a cluster',
    querystring: commandsQuery,
    response: readResponses(commandsAnswer),
  };
  app.get('/v1/commands', { schema: general }, async ({ query: { isolation } }) => ({
    isolation,
    items: runnable.map((facts) => ({
      name: facts.name,
      family: families[facts.family] as string,
      standalone: contractOf(facts, usual('standalone', isolation)),
      cluster: contractOf(facts, usual('cluster', isolation)),
    })),
  }));

  const all = {
    tags,
    summary: 'What becomes of each command for a tenant',
    params: tenantParams,
    querystring: tenantCommandsQuery,
    response: readResponses(tenantCommandsAnswer),
  };
  app.get(ofTenant, { schema: all }, async ({ params, query }) => {
    const { given, configured, ...whose } = circumstancesOf(plane, params.tenant, query);
    return { ...whose, items: [...contractsOf(given), ...configured] };
  });

  const one = {
    tags,
    summary: 'What becomes of one command for a tenant; a subcommand is `config|get`',
    params: commandParams,
    querystring: tenantCommandsQuery,
    response: readResponses(tenantCommandAnswer),
  };
  app.get(`${ofTenant}/:command`, { schema: one }, async ({ params, query }) => {
    const { given, configured, ...whose } = circumstancesOf(plane, params.tenant, query);
    const name = params.command.toLowerCase();
    const contract = [...contractsOf(given), ...configured].find((each) => each.name === name);
    if (contract === undefined) throw new ApiError('not-found', `there is no command ${name}`);
    return { ...whose, contract };
  });
}

function contractsOf(given: Circumstances): Contract[] {
  return runnable.map((facts) => contractOf(facts, given));
}

type Asked = z.infer<typeof tenantCommandsQuery>;

/** For whom and in front of what, module commands included; an ApiError where tenant, user or route do not exist. */
function circumstancesOf(plane: Plane, tenant: string, asked: Asked) {
  const state = tenantStateOf(plane, tenant);
  const { backends } = stageOf(plane).follower.state().snapshot;
  const routes = Object.values(state.routes).map(({ value }) => value);
  const route = routes.find((each) => (asked.route ? each.id === asked.route : each.default));
  const backend = route && own(backends, route.backend)?.value;
  if (route === undefined || backend === undefined) {
    const wanted = asked.route === undefined ? 'no route' : `no route ${asked.route}`;
    throw new ApiError('not-found', `tenant ${tenant} has ${wanted}`);
  }
  assert(backend.kind !== 'kafka', 'no route leads to Kafka');
  const user = asked.user === undefined ? null : own(state.users, asked.user)?.value;
  if (user === undefined) throw new ApiError('not-found', `tenant ${tenant} has no such user`);
  const { isolation, crossSlot } = state.tenant.value;
  const given: Circumstances = {
    backend: backend.kind,
    isolation: isolation.mode,
    crossSlot,
    readOnly: user?.readOnly ?? false,
    passThrough: user?.passThrough ?? false,
  };
  const configured = backend.commands
    .filter(({ name }) => !runnable.some((facts) => facts.name === name))
    .map(({ name, writes }) => foreignContract(name, writes, given));
  const whose = { tenant, user: user?.name ?? null, route: route.id, backend: backend.id };
  return { ...whose, given, configured };
}
