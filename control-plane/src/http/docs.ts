/** The API described by itself: OpenAPI 3.1 and a page that needs nothing from elsewhere. */
import swagger from '@fastify/swagger';
import reference from '@scalar/fastify-api-reference';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';
import type { App } from './app.ts';

/** Must be registered before the routes it describes. */
export async function describeApi(app: App, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'respool control plane',
        version,
        description:
          'A change is one event of a durable log; every proxy applies it whole or not at all. ' +
          'Any write takes `?wait=applied&quorum=all|<count>|<share>%&timeout=5s` and `?reason=`.',
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
    transform: jsonSchemaTransform,
  });
}

/** The page at /docs and the description at /docs/openapi.json; both open to anyone. */
export async function serveDocs(app: App): Promise<void> {
  await app.register(reference, {
    routePrefix: '/docs',
    logLevel: 'warn',
    configuration: {
      title: 'respool API',
      // Nothing is fetched from, or told to, other hosts: the page works without a network.
      withDefaultFonts: false,
      telemetry: false,
      agent: { disabled: true },
      mcp: { disabled: true },
      hideClientButton: true,
      showDeveloperTools: 'never',
    },
  });
}
