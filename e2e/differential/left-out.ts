/** Commands of Redis that no random program sends, and why. */

/** By the start of their names as COMMAND LIST prints them. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/^acl\|(?!whoami|cat|help)/, 'about users, who belong to the control plane'],
  [/^client\|(?:info|list)/, 'names sockets and servers; held by its own story'],
  [/^client\|(?:pause|unpause)/, 'stops every client of a server'],
  [/^cluster\|/, 'a plain server has no cluster to answer for'],
  [/^config\|/, 'about the server, not the data'],
  [/^function\|(?:kill|dump|restore|stats)/, 'about one server, or a payload of its libraries'],
  [/^latency\|(?!help)/, 'about time spent in one process'],
  [/^memory\|(?!help|usage)/, 'about the memory of one process'],
  [/^module\|/, 'about code loaded into a server'],
  [/^script\|(?:debug|kill)/, 'for debugging scripts'],
  [/^slowlog\|(?!help)/, 'about time spent in one process'],
  [/^(?:auth|reset)$/, 'changes who asks; held by the stories about users and bleeding'],
  [/^quit$/, 'ends a connection; every scene ends by it'],
  [/^(?:info|lolwut|lastsave|role|monitor|debug|shutdown|failover)$/, 'about one server process'],
  [/^(?:bgsave|bgrewriteaof|save)$/, 'about the files of a server'],
  [/^(?:psync|sync|replconf|replicaof|slaveof|readonly|readwrite)$/, 'between servers'],
  [/^(?:asking|restore-asking)$/, 'between servers'],
  [/^(?:pfdebug|pfselftest)$/, 'for debugging Redis itself'],
  [/^migrate$/, 'carries keys to another server'],
  [/^swapdb$/, 'changes databases under every other client'],
];

/** Why no program sends the command that COMMAND LIST calls `name`; null when one must. */
export function whyLeftOut(name: string): string | null {
  return reasons.find(([pattern]) => pattern.test(name))?.[1] ?? null;
}
