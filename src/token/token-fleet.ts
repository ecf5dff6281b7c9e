/** What the token needs of the fleet. */

import { type Fleet } from '#src/fleet/fleet.ts';
import { type KeyUses } from '#src/fleet/key-uses.ts';
import { type NewObjects } from '#src/fleet/new-objects.ts';

export interface TokenFleet extends Pick<
  Fleet,
  | 'state'
  | 'pinState'
  | 'hasOnlyBoards'
  | 'keys'
  | 'createPair'
  | 'loadKey'
  | 'deleteKeys'
  | 'setAttributes'
  | 'sign'
  | 'verify'
  | 'initialise'
> {
  readonly objects: Pick<NewObjects, keyof NewObjects>;
  readonly uses: Pick<KeyUses, keyof KeyUses>;
}
