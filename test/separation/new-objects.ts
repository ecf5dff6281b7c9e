/** Arguments of a device's functions that make objects, from what programs ask for. */

import { type keyPairRequest } from '#src/cryptoki/key-pair.ts';
import { type NewObject } from '#src/cryptoki/new-objects.ts';
import { type AttributeMap } from '#src/cryptoki/template.ts';
import { type Attribute } from '#src/cryptoki/values.ts';
import { type ArgsOf } from '#src/wire/message.ts';

type ObjectArgs = Pick<ArgsOf<'KEY_CREATE'>, 'session' | 'name' | 'type' | 'bits' | 'flags' | 'attributes'>;

export function objectArgs(
  { type, bits, flags }: Omit<NewObject, 'curve'>,
  name: Uint8Array,
  attributes: Attribute[],
): ObjectArgs {
  return { session: 1, name, type, bits, flags, attributes };
}

/** @param listed makes the lists of attributes that the device is given */
export function pairArgs(
  { type, curve, bits, exponent, privateKey, publicKey }: ReturnType<typeof keyPairRequest>,
  freshName: () => Uint8Array,
  listed: (attributes: AttributeMap) => Attribute[],
): Omit<ArgsOf<'KEY_PAIR_CREATE'>, 'connection'> {
  return {
    session: 1,
    name: freshName(),
    publicName: freshName(),
    type,
    curve,
    bits,
    exponent,
    flags: privateKey.flags,
    publicFlags: publicKey.flags,
    attributes: listed(privateKey.attributes),
    publicAttributes: listed(publicKey.attributes),
  };
}
