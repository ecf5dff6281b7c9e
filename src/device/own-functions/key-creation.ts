/** KEY_PAIR_CREATE and KEY_LOAD. Both may be repeated: the same name gives the same key. */

import { wipe } from '#src/crypto/process-hardening.ts';
import { parsePublicKey } from '#src/crypto/public-key.ts';
import { KeyFlags } from '#src/wire/enumerations.ts';
import { type ArgsOf } from '#src/wire/message.ts';
import { HalError } from '#src/wire/status.ts';
import { changeAttributes } from '../attributes.ts';
import { type Device } from '../device.ts';
import { type DeviceKey, factsOf, idOf, type KeyFacts } from '../device-key.ts';
import { type Handlers } from '../handler.ts';
import { parseKey } from '../key-der.ts';
import { checkPlausible, checkSupported, generatePair } from '../key-generation.ts';
import { generatedPair, publicAttributes, storeParsedKey } from '../new-key-pair.ts';
import { hasTemplate, type Making } from '../new-object.ts';

const NO_BYTES = new Uint8Array(0);

type PairArgs = ArgsOf<'KEY_PAIR_CREATE'>;

interface Pair {
  readonly privateKey: KeyFacts;
  readonly publicKey: KeyFacts;
}

export const keyCreation: Handlers<'KEY_PAIR_CREATE' | 'KEY_LOAD'> = {
  KEY_PAIR_CREATE(device, connection, args) {
    const kind = args;
    checkPlausible(kind);
    if (Buffer.compare(args.name, args.publicName) === 0) throw new HalError('BAD_ARGUMENTS', 'two keys of one name');
    device.access.checkCreate(connection, args.flags);
    device.access.checkCreate(connection, args.publicFlags);
    checkSupported(kind);
    // A repetition may arrive while the first request is still at work.
    const id = `${connection} ${idOf(args.name)} ${idOf(args.publicName)}`;
    const running = device.pairsInProgress.get(id);
    if (running !== undefined) return running;
    const creating = (existingPair(device, connection, args) ?? createPair(device, connection, args)).finally(() =>
      device.pairsInProgress.delete(id),
    );
    device.pairsInProgress.set(id, creating);
    return creating;
  },

  async KEY_LOAD(device, connection, { session, name, der, flags, attributes }) {
    if (der.length === 0) throw new HalError('BAD_ARGUMENTS', 'empty key');
    device.access.checkCreate(connection, flags, () => isPublicKey(der));
    const existing = device.keys.findByName(connection, name);
    if (existing !== undefined) return { loaded: factsOf(existing) };
    const parsed = parseKey(der);
    wipe(der);
    try {
      const loaded = await device.runFor(
        connection,
        () => device.masterKey.require(),
        async () => {
          if (hasTemplate(attributes)) {
            return storeParsedKey(device, connection, { session, name, flags, attributes }, parsed, CREATED);
          }
          const complete = changeAttributes([], [...attributes, ...publicAttributes(parsed)]);
          const [key] = await device.keys.add(connection, [{ ...parsed, name, flags, session, attributes: complete }]);
          return factsOf(key as DeviceKey);
        },
      );
      return { loaded };
    } finally {
      if (parsed.pkcs8) wipe(parsed.pkcs8);
    }
  },
};

function isPublicKey(der: Uint8Array): boolean {
  try {
    parsePublicKey(der);
    return true;
  } catch {
    return false;
  }
}

const CREATED: Making = { origin: 'create', mechanism: 0, sources: [] };

async function createPair(device: Device, connection: number, args: PairArgs): Promise<Pair> {
  const { name, publicName, session, flags, publicFlags } = args;
  // Checked before the work, and copied: it takes a while.
  const attributes = changeAttributes([], args.attributes);
  const ofPublicKey = changeAttributes([], args.publicAttributes);
  return device.runFor(
    connection,
    () => generatePair(device, args),
    async ({ type, publicType, pkcs8, spki }) => {
      try {
        const { curve, bits } = parsePublicKey(spki);
        const facts = { curve, bits, spki, session };
        const halves = generatedPair(device, connection, [
          { ...facts, name, type, flags, pkcs8, attributes },
          {
            ...facts,
            name: publicName,
            type: publicType,
            flags: publicFlags,
            pkcs8: undefined,
            attributes: ofPublicKey,
          },
        ]);
        const [privateKey, publicKey] = await device.keys.add(connection, halves);
        return { privateKey: factsOf(privateKey as DeviceKey), publicKey: factsOf(publicKey as DeviceKey) };
      } finally {
        wipe(pkcs8);
      }
    },
  );
}

/**
 * The pair that an earlier request of this name has made, `undefined` if there is none.
 * @throws HalError KEY_NAME_IN_USE if it is another one
 */
function existingPair(device: Device, connection: number, args: PairArgs): Promise<Pair> | undefined {
  const privateKey = device.keys.findByName(connection, args.name);
  const publicKey = device.keys.findByName(connection, args.publicName);
  if (privateKey === undefined && publicKey === undefined) return undefined;
  if (privateKey?.wrapped === undefined || privateKey.type !== args.type) throw new HalError('KEY_NAME_IN_USE');
  if (publicKey !== undefined) {
    if (Buffer.compare(publicKey.spki, privateKey.spki) !== 0) throw new HalError('KEY_NAME_IN_USE');
    return Promise.resolve({ privateKey: factsOf(privateKey), publicKey: factsOf(publicKey) });
  }
  // A session key does not survive a restart, but follows from the private key.
  if ((args.publicFlags & KeyFlags.TOKEN) !== 0) throw new HalError('KEY_NAME_IN_USE');
  const { type, curve, bits, spki } = parsePublicKey(privateKey.spki);
  const { publicName: name, publicFlags: flags, publicAttributes: attributes, session } = args;
  const half = { name, type, curve, bits, spki, flags, session, pkcs8: undefined, attributes };
  const [, publicHalf] = generatedPair(device, connection, [{ ...privateKey, pkcs8: NO_BYTES }, half]);
  return device.keys
    .add(connection, [publicHalf])
    .then(([restored]) => ({ privateKey: factsOf(privateKey), publicKey: factsOf(restored as DeviceKey) }));
}
