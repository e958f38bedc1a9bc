/** Words for deeds: a command with the reply it must get, in the bytes of RESP. */
import type { Command, Deed, Expected } from './life.ts';

export const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
export const integer = (value: number): string => `:${value}\r\n`;
export const list = (items: readonly string[]): string => `*${items.length}\r\n${items.join('')}`;
export const ok = '+OK\r\n';

export const deed = (command: Command, execute: () => Expected): Deed => ({ command, execute });
export const any = (...command: Command): Deed => deed(command, () => null);
export const says = (expected: Expected, ...command: Command): Deed =>
  deed(command, () => expected);
