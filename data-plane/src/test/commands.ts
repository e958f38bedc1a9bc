/** A command as the slow path holds it, made from words. */
import { lookupCommand } from '../command/command.ts';
import { Command } from '../command/request.ts';
import { encodeRequest } from '../resp/encoder.ts';

/** Stands somewhere inside a larger buffer, as in a read of many commands. */
export function commandOf(...words: readonly (string | Uint8Array)[]): Command {
  const request = encodeRequest(words);
  const bytes = Buffer.concat([Buffer.from('+bait\r\n'), request, Buffer.from('*1\r\n')]);
  const name = Buffer.from(words[0] as string);
  const command = new Command();
  const facts = lookupCommand(name, 0, name.length);
  command.read(facts, bytes, 7, 7 + request.length, words.length);
  return command;
}

/** The request's own bytes. */
export function bytesOf(command: Command): Buffer {
  return command.bytes.subarray(command.start, command.end);
}
