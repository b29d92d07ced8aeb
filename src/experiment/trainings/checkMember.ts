// Whether there is such a member of an ensemble, where a user names one.

import { ConfigError } from '../../errors.ts';
import { mismatch } from '../../messages.ts';

/**
 * The number itself where it is that of a member.
 * @param members how many there are; undefined where there is no ensemble
 * @param where the ensemble is looked for, in words
 * @throws ConfigError naming --member
 */
export function checkMember(member: number, members: number | undefined, where: string): number {
  if (members === undefined)
    throw new ConfigError(mismatch('--member', `${where} with an ensemble`, 'one without', 'leave it out'));
  if (member < members) return member;
  const next = 'members are counted from 0';
  throw new ConfigError(mismatch('--member', `a member from 0 to ${members - 1}`, `${member}`, next));
}
