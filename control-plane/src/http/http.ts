/** The HTTP server: routes, authentication, error answers, shutdown. */
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import Fastify, { type FastifyBaseLogger, LogController } from 'fastify';
import { serializerCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import { type App, level, type Plane } from './app.ts';
import { auditResource } from './audit.ts';
import { backendResource } from './backends.ts';
import { readJsonBodies } from './body.ts';
import { changeResource } from './changes.ts';
import { commandResource } from './commands.ts';
import { limitTime } from './deadline.ts';
import { describeApi, serveDocs } from './docs.ts';
import { ApiError, apiErrorOf, InvalidRequest, sendError } from './errors.ts';
import { healthResource } from './health.ts';
import { historyResource } from './history.ts';
import { liveResource } from './live.ts';
import { countRequests } from './metrics.ts';
import { noticeResource } from './notices.ts';
import { positionResource } from './positions.ts';
import { proxyResource } from './proxies.ts';
import { routeResource } from './routes.ts';
import { tenantResource } from './tenants.ts';
import { topicResource } from './topics.ts';
import { userResource } from './users.ts';

const requestMsMax = 15_000;
/** How much later than at its deadline a request is cut off that nobody could answer by then. */
const cutMs = 15_000;
const bodyBytesMax = 1024 * 1024;
const version = '0.1.0';

/**
 * Ready to listen or to be injected into; closing it finishes the requests under way. `msMax`: from
 * the first byte of a request to its answer.
 */
export async function createHttp(
  plane: Plane,
  logger: FastifyBaseLogger,
  msMax: number = requestMsMax,
): Promise<App> {
  const app: App = Fastify({
    loggerInstance: logger,
    logController: new LogController({
      disableRequestLogging: true,
      requestIdLogLabel: 'requestId',
    }),
    bodyLimit: bodyBytesMax,
    // Bodies are limited by limitTime, whose answer says more; this is for what escapes it.
    requestTimeout: msMax + cutMs,
    // Node looks for late requests each 30 s unless told otherwise, and gives headers 60 s.
    http: { headersTimeout: msMax, connectionsCheckingInterval: Math.ceil(msMax / 15) },
    connectionTimeout: msMax + cutMs,
    keepAliveTimeout: 5_000,
    routerOptions: { maxParamLength: 256 },
    genReqId: () => randomUUID(),
    return503OnClosing: true,
    forceCloseConnections: 'idle',
    frameworkErrors: (error, request, reply) => sendError(request, reply, apiErrorOf(error)),
    clientErrorHandler: answerMalformed,
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(({ schema }) => (data) => {
    const parsed = (schema as z.ZodType).safeParse(data);
    return parsed.success ? { value: parsed.data } : { error: new InvalidRequest(parsed.error) };
  });
  app.setSerializerCompiler(serializerCompiler);
  readJsonBodies(app);
  app.setErrorHandler((error, request, reply) => {
    const answer = apiErrorOf(error);
    if (answer.code === 'internal') request.log.error({ err: error }, 'request failed');
    sendError(request, reply, answer);
  });
  refuseUnknownRoutes(app);
  limitTime(app, msMax);
  authenticate(app, plane);
  levelReads(app, plane);
  countRequests(app, plane.metrics);
  logRequests(app);
  partOnClosing(app);
  await describeApi(app, version);
  await app.register(async (scope) => {
    const routes = scope.withTypeProvider<ZodTypeProvider>();
    for (const resource of resources) resource(routes, plane);
  });
  await serveDocs(app);
  await app.ready();
  return app;
}

const resources = [
  healthResource,
  tenantResource,
  userResource,
  routeResource,
  topicResource,
  liveResource,
  positionResource,
  noticeResource,
  commandResource,
  backendResource,
  changeResource,
  historyResource,
  proxyResource,
  auditResource,
] as const;

/** All of /v1 needs a token, unknown addresses below it included. */
function authenticate(app: App, plane: Plane): void {
  app.decorateRequest('actor', '');
  app.addHook('onRequest', async (request, reply) => {
    void reply.header('x-request-id', request.id);
    const path = request.routeOptions.url ?? request.url;
    if (path.startsWith('/v1')) request.actor = plane.tokens.nameOf(request.headers.authorization);
  });
}

/** A read that could not be made level with the log says so. */
function levelReads(app: App, plane: Plane): void {
  app.addHook('preHandler', async (request, reply) => {
    const isSafe = request.method === 'GET' || request.method === 'HEAD';
    const isRead = isSafe && request.routeOptions.url?.startsWith('/v1') === true;
    const stage = plane.stage();
    if (!isRead || stage === null) return;
    if (!(await level(stage))) void reply.header('respool-stale', 'true');
  });
}

/** One line a request: never a body, never a header. */
function logRequests(app: App): void {
  app.addHook('onResponse', async (request, reply) => {
    const isQuiet = request.method === 'GET' && reply.statusCode < 400;
    const line = {
      method: request.method,
      route: request.routeOptions.url ?? 'unknown',
      path: request.url.split('?')[0],
      status: reply.statusCode,
      actor: request.actor,
      ms: Math.round(reply.elapsedTime * 10) / 10,
    };
    request.log[isQuiet ? 'debug' : 'info'](line, 'request');
  });
}

/** Requests under way as the end begins are answered; their connections do not outlive that. */
function partOnClosing(app: App): void {
  let isClosing = false;
  app.addHook('preClose', async () => {
    isClosing = true;
  });
  app.addHook('onSend', async (_request, reply) => {
    if (isClosing) void reply.header('connection', 'close');
  });
}

/** 404, or 405 with the methods that the address knows. */
function refuseUnknownRoutes(app: App): void {
  const patterns = new Map<string, { pattern: RegExp; methods: Set<string> }>();
  app.addHook('onRoute', ({ url, method }) => {
    const text = url.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/:[^/]+/g, '[^/]+');
    const known = patterns.get(url) ?? {
      pattern: new RegExp(`^${text.replaceAll('*', '.*')}$`),
      methods: new Set<string>(),
    };
    for (const name of [method].flat()) known.methods.add(name);
    patterns.set(url, known);
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? '';
    const methods = [...patterns.values()]
      .filter(({ pattern }) => pattern.test(path))
      .flatMap((known) => [...known.methods]);
    if (methods.length === 0) {
      return sendError(request, reply, new ApiError('not-found', `there is no ${path}`));
    }
    void reply.header('allow', [...new Set(methods)].sort().join(', '));
    const message = `${path} does not take ${request.method}`;
    return sendError(request, reply, new ApiError('method-not-allowed', message));
  });
}

/** What is no HTTP at all; there is no request yet, so the answer is written by hand. */
function answerMalformed(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const code = late ? 'request-deadline' : 'header-invalid';
  const message = late ? 'the request took too long to arrive' : 'this is not an HTTP request';
  const body = JSON.stringify({ error: { code, message, requestId: randomUUID() } });
  const status = late ? '408 Request Timeout' : '400 Bad Request';
  const head = `HTTP/1.1 ${status}\r\ncontent-type: application/json; charset=utf-8\r\n`;
  socket.end(
    `${head}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
