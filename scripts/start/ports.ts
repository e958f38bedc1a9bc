/** Whether the ports of an embedded start are free, asked before anything is started. */
import { createServer } from 'node:net';
import type { Listen } from './settings.ts';

/** Throws naming every port that cannot be had and the setting that moves it. */
export async function refuseBusyPorts(listens: readonly Listen[]): Promise<void> {
  const problems: string[] = [];
  const takenBy = new Map<number, Listen>();
  for (const listen of listens) {
    const { what, host, port, variable } = listen;
    const other = takenBy.get(port);
    takenBy.set(port, listen);
    if (other !== undefined) {
      problems.push(`${variable} and ${other.variable} are both ${port}`);
      continue;
    }
    const code = await listenError(listen);
    if (code === null) continue;
    const cause =
      code === 'EADDRINUSE' ? 'is in use by another process' : `cannot be had (${code})`;
    problems.push(`port ${port} on ${host} (${what}) ${cause}: set ${variable} to another one`);
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));
}

function listenError({ host, port }: Listen): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}
