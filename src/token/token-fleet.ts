/** What the token needs of the fleet. */

import { type Fleet } from '#src/fleet/fleet.ts';

export type TokenFleet = Pick<
  Fleet,
  'state' | 'keys' | 'createPair' | 'loadKey' | 'deleteKeys' | 'setAttributes' | 'sign' | 'verify'
>;
