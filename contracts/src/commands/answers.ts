/** What the API says of commands. */
import { z } from 'zod';
import { isolation } from '../entities.ts';
import { backendId, routeId, userName } from '../ids.ts';

const how = z.enum(['native', 'fan-out', 'emulated', 'local', 'refused']);
/** `note`: the guarantee, the reason of the refusal, or what there is to know. */
const share = z.strictObject({ how, note: z.string() });

/** `acrossSlots`: when its keys lie in several slots of a cluster; null where that cannot be. */
export const contractAnswer = z.strictObject({
  name: z.string(),
  ...share.shape,
  acrossSlots: share.nullable(),
});
export type ContractAnswer = z.infer<typeof contractAnswer>;

const isolationMode = z.enum(isolation.options.map((one) => one.shape.mode.value));

export const commandsQuery = z.strictObject({ isolation: isolationMode.default('dedicated') });

const commandAnswer = z.strictObject({
  name: z.string(),
  family: z.string(),
  standalone: contractAnswer,
  cluster: contractAnswer,
});
export const commandsAnswer = z.strictObject({
  isolation: isolationMode,
  items: z.array(commandAnswer),
});

/** Without `route` the tenant's default one; without `user` one that may write and has no grant. */
export const tenantCommandsQuery = z.strictObject({
  route: routeId.optional(),
  user: userName.optional(),
});

const forWhom = {
  tenant: z.string(),
  user: z.string().nullable(),
  route: z.string(),
  backend: backendId,
};
export const tenantCommandsAnswer = z.strictObject({ ...forWhom, items: z.array(contractAnswer) });
export const tenantCommandAnswer = z.strictObject({ ...forWhom, contract: contractAnswer });
