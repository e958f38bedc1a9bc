/** redis-py, the Python client, for stories that must hold for it: in a folder of its own. */
import { findPython, unpackWheels } from './pip.ts';
import { keptFolder } from './tools-folder.ts';

const wheels = [
  {
    name: 'redis',
    version: '8.1.0',
    sha256: ['a4fe1aac3d3b3cc791d4b3d5931c5a956045dc951ee74d1c913ee3ac4d2ee9fb'],
  },
  {
    // redis-py imports it on Python before 3.11.3, which is what Debian 12 has.
    name: 'async-timeout',
    version: '5.0.1',
    sha256: ['39e3809566ff85354557ec2398b55e096c8364bacac9405a7a1fa429e77fe76c'],
  },
];

/** A Python and the environment under which it finds redis-py. */
export interface RedisPy {
  readonly python: string;
  readonly env: { readonly PYTHONPATH: string };
}

/** Rejects when the machine has neither Python 3 nor a way to get it. */
export async function provisionRedisPy(): Promise<RedisPy> {
  const folder = await keptFolder('redis-py-8.1.0', (into) => unpackWheels(wheels, into));
  return { python: findPython(), env: { PYTHONPATH: folder } };
}
