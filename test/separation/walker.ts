/** An attacker who is logged in as a user and calls the functions of a device at random. */

import { CKA, CKK, CKM, CKO } from '#src/cryptoki/constants.ts';
import { keyPairRequest } from '#src/cryptoki/key-pair.ts';
import { has, keyViewOf } from '#src/cryptoki/key-view.ts';
import { deriveRequest, secretKeyRequest, unwrapRequest } from '#src/cryptoki/new-objects.ts';
import { CKD, CKF_HKDF_SALT } from '#src/cryptoki/parameter-numbers.ts';
import { writeParameter } from '#src/cryptoki/parameters.ts';
import { createRequest } from '#src/cryptoki/created-objects.ts';
import { type AttributeMap, keyFlags } from '#src/cryptoki/template.ts';
import { objectOfKey } from '#src/cryptoki/key-objects.ts';
import { type Attribute, FALSE, TRUE } from '#src/cryptoki/values.ts';
import { secretAttributes } from '#src/device/secret-attributes.ts';
import { KeyType } from '#src/wire/enumerations.ts';
import { type ResultsOf } from '#src/wire/message.ts';
import { CkrError, HalError, WireError } from '#src/wire/status.ts';
import { type Random } from '#test/fuzz/random.ts';
import { P256, type Template, template } from '#test/token/templates.ts';
import { BOOLEANS, Choices, type Theme, THEMES, typeOf } from './choices.ts';
import { Model, type ModelKey } from './model.ts';
import { pairArgs } from './new-objects.ts';
import { type OpenDevice } from './open-device.ts';

type Facts = ResultsOf<'KEY_LOAD'>['loaded'];

const NONE = new Uint8Array(0);
const X25519 = '0x06032b656e';
/** Few values, so that things meet again. */
const INFOS = [Buffer.from('a'), Buffer.from('b')];
const LENGTHS = [16, 24, 32];

/** What C_WrapKey has given. */
interface Wrap {
  /** See {@link ModelKey}. */
  readonly identity: string;
  readonly mechanism: number;
  readonly parameter: Uint8Array;
  readonly wrapped: Uint8Array;
}

type DerivationMethod = [mechanism: number, parameter: Uint8Array, salt: ModelKey | undefined];

interface Derivation {
  readonly base: ModelKey;
  readonly method: DerivationMethod;
  readonly length: number | undefined;
}

/** What stops a walk. */
export class Finding extends Error {
  override readonly name = 'Finding';
}

export class Walker {
  readonly model = new Model();
  readonly #device: OpenDevice;
  readonly #connection: number;
  readonly #random: Random;
  readonly #choices: Choices;
  readonly #actions: readonly (() => Promise<void>)[];
  /** Byte strings that the attacker has seen. */
  readonly #seen: Uint8Array[] = [Buffer.alloc(16), Buffer.alloc(32)];
  readonly #wraps: Wrap[] = [];
  readonly #derivations: Derivation[] = [];
  readonly log: string[] = [];
  /** Calls that the device granted. */
  granted = 0;

  constructor(device: OpenDevice, connection: number, random: Random) {
    this.#device = device;
    this.#connection = connection;
    this.#random = random;
    const theme = random.pick(THEMES);
    this.#choices = new Choices(random, theme);
    this.#actions = this.#actionsOf(theme);
  }

  async walk(steps: number): Promise<void> {
    for (let i = 0; i < steps; i++) {
      const hasKeys = this.model.keys.length >= 3;
      // oxlint-disable-next-line no-await-in-loop -- one step after the other
      await this.#attempt(hasKeys ? this.#random.pick(this.#actions) : () => this.#generate());
      const problem = this.model.check();
      if (problem) throw new Finding(problem);
    }
  }

  /** Takes part in the walk from the beginning. */
  async adopt(facts: Facts): Promise<void> {
    await this.#take(facts, 'made');
  }

  /** How often each is tried, by what the walk is about. */
  #actionsOf(theme: Theme): (() => Promise<void>)[] {
    const often = (times: number, action: () => Promise<void>): (() => Promise<void>)[] =>
      Array.from({ length: times }, () => action);
    const isAbout = (other: Theme): number => (theme === other ? 4 : theme === 'all' ? 2 : 0);
    return [
      ...often(3, () => this.#generate()),
      ...often(isAbout('all') / 2, () => this.#generatePair()),
      ...often(theme === 'wrap' ? 3 : 1, () => this.#import()),
      ...often(1 + isAbout('wrap'), () => this.#wrap()),
      ...often(1 + isAbout('wrap'), () => this.#unwrap()),
      ...often(2 * isAbout('derive'), () => this.#derive()),
      ...often(2, () => this.#copy()),
      ...often(1, () => this.#change()),
      ...often(1, () => this.#read()),
      ...often(isAbout('wrap'), () => this.#crypt()),
      ...often(1, () => this.#sign()),
      ...often(isAbout('all') / 2, () => this.#send()),
    ];
  }

  async #attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
      this.granted++;
    } catch (error) {
      if (!(error instanceof CkrError || error instanceof HalError || error instanceof WireError)) throw error;
      const last = this.log.length - 1;
      if (last >= 0) this.log[last] += `: ${error.message}`;
    }
  }

  #note(what: string): void {
    this.log.push(what);
  }

  #see(bytes: Uint8Array): void {
    const problem = this.model.see(bytes);
    if (problem) throw new Finding(problem);
    if (bytes.length > 0 && bytes.length < 4096) this.#seen.push(bytes.slice());
  }

  async #take(facts: Facts, how: 'made' | 'other', known?: Uint8Array): Promise<ModelKey> {
    for (const { value } of facts.attributes) this.#see(value);
    const { key: uuid, type, curve, bits, flags } = facts;
    const attributes = new Map(facts.attributes.map((attribute) => [attribute.type, attribute.value]));
    const view = keyViewOf({ type, curve, bits, flags, attributes });
    const secret = (await this.#device.secretOf(this.#connection, uuid)) ?? NONE;
    const hidden = secret.length === 0 ? NONE : (secretAttributes(type as KeyType, secret)[0]?.value ?? NONE);
    const value = Buffer.from(hidden).toString('hex');
    const identity = facts.spki.length > 0 ? Buffer.from(facts.spki).toString('hex') : value;
    const key: ModelKey = { uuid: uuid.slice(), view, secret: value, identity };
    if (known) this.model.learn(Buffer.from(known).toString('hex'));
    if (how === 'made') this.model.mustStay(key);
    this.model.put(key);
    return key;
  }

  /** A key, preferably one for this use. */
  #key(usage?: number): ModelKey {
    const { keys } = this.model;
    const fitting = usage === undefined || this.#random.oneIn(4) ? [] : keys.filter(({ view }) => has(view, usage));
    if (fitting.length > 0) return this.#random.pick(fitting);
    // The newest are the most interesting.
    return this.#random.oneIn(2) ? this.#random.pick(keys.slice(-3)) : this.#random.pick(keys);
  }

  async #generate(): Promise<void> {
    const random = this.#random;
    const mechanism = random.oneIn(3) ? CKM.GENERIC_SECRET_KEY_GEN : CKM.AES_KEY_GEN;
    const values = { VALUE_LEN: random.pick(LENGTHS), ...this.#choices.values() };
    this.#note(`generate ${mechanism.toString(16)} ${JSON.stringify(values)}`);
    const object = this.#choices.newObject(secretKeyRequest(mechanism, NONE, template(values)));
    const { created } = await this.#device.call('KEY_CREATE', this.#connection, {
      ...object,
      mechanism,
      parameter: NONE,
    });
    await this.#take(created, 'made');
  }

  async #generatePair(): Promise<void> {
    const random = this.#random;
    const isMontgomery = random.oneIn(2);
    const mechanism = isMontgomery ? CKM.EC_MONTGOMERY_KEY_PAIR_GEN : CKM.EC_KEY_PAIR_GEN;
    const values = { ...this.#choices.values(), DERIVE: true };
    const { ENCRYPT: _e, VERIFY: _v, WRAP: _w, ...privateValues } = values;
    this.#note(`generate pair ${mechanism.toString(16)} ${JSON.stringify(privateValues)}`);
    const request = keyPairRequest(
      mechanism,
      template({ EC_PARAMS: isMontgomery ? X25519 : P256 }),
      template(privateValues),
    );
    const forged = (attributes: AttributeMap): Attribute[] => this.#choices.forged(attributes);
    const args = pairArgs(request, () => random.bytes(16), forged);
    const pair = await this.#device.call('KEY_PAIR_CREATE', this.#connection, args);
    await this.#take(pair.privateKey, 'made');
    await this.#take(pair.publicKey, 'other');
  }

  async #import(): Promise<void> {
    const random = this.#random;
    const known = this.#seen.filter(({ length }) => LENGTHS.includes(length));
    const value = random.oneIn(2) ? random.bytes(random.pick(LENGTHS)) : random.pick(known);
    const KEY_TYPE = random.oneIn(4) ? CKK.GENERIC_SECRET : CKK.AES;
    const values = this.#choices.values();
    this.#note(`import ${JSON.stringify(values)}`);
    const request = createRequest(template({ CLASS: CKO.SECRET_KEY, KEY_TYPE, VALUE: value, ...values }), 'user');
    if (request.form !== 'object') return;
    const object = this.#choices.newObject(request, 2);
    // Whoever imports a value has it.
    this.model.learn(Buffer.from(value).toString('hex'));
    const { loaded } = await this.#device.call('OBJECT_LOAD', this.#connection, { ...object, value: value.slice() });
    await this.#take(loaded, 'other', value);
  }

  async #wrap(): Promise<void> {
    const by = this.#key(CKA.WRAP);
    const key = this.#key(CKA.EXTRACTABLE);
    const [mechanism, parameter] = this.#choices.wrapping(by.view);
    this.#note(`wrap ${mechanism.toString(16)}`);
    const args = { wrappingKey: by.uuid, key: key.uuid, mechanism, parameter };
    const { wrapped } = await this.#device.call('KEY_WRAP', this.#connection, args);
    this.#see(wrapped);
    if (!has(key.view, CKA.EXTRACTABLE)) throw new Finding('an unextractable key is wrapped');
    this.#wraps.push({ identity: by.identity, mechanism, parameter, wrapped });
    this.model.travels(by, key);
  }

  async #unwrap(): Promise<void> {
    const random = this.#random;
    const own = random.oneIn(4) || this.#wraps.length === 0 ? undefined : random.pick(this.#wraps);
    const partner =
      own && this.model.keys.find(({ identity, view }) => identity === own.identity && has(view, CKA.UNWRAP));
    const by = partner ?? this.#key(CKA.UNWRAP);
    const [mechanism, parameter] = own ? [own.mechanism, own.parameter] : this.#choices.wrapping(by.view);
    const values: Template = { KEY_TYPE: random.pick([CKK.AES, CKK.GENERIC_SECRET]), ...this.#choices.values() };
    if (random.oneIn(6)) Object.assign(values, { CLASS: CKO.PRIVATE_KEY, KEY_TYPE: CKK.EC });
    this.#note(`unwrap ${mechanism.toString(16)} ${JSON.stringify(values)}`);
    const object = this.#choices.newObject(unwrapRequest(mechanism, template(values), undefined));
    const wrapped = own?.wrapped ?? random.pick(this.#seen.slice(-8));
    const args = { ...object, unwrappingKey: by.uuid, mechanism, parameter, wrapped };
    const { created } = await this.#device.call('KEY_UNWRAP', this.#connection, args);
    await this.#take(created, 'other');
  }

  #derivation(base: ModelKey): DerivationMethod {
    const random = this.#random;
    if (base.view.objectClass === CKO.PRIVATE_KEY) {
      const points = this.model.keys.filter(
        ({ view }) => view.objectClass === CKO.PUBLIC_KEY && view.keyType === base.view.keyType,
      );
      const peer = points.length === 0 ? NONE : (random.pick(points).view.attributes.get(CKA.EC_POINT) ?? NONE);
      const parameter = { kdf: CKD.NULL, sharedData: NONE, publicData: peer };
      return [CKM.ECDH1_DERIVE, writeParameter('ecdh', parameter), undefined];
    }
    const info = random.pick(INFOS);
    if (random.oneIn(4)) {
      const parts = [
        { type: 1, value: Buffer.from('0000000000000020', 'hex') },
        { type: 4, value: info },
      ];
      const prf = base.view.keyType === CKK.AES ? CKM.AES_CMAC : CKM.SHA256_HMAC;
      return [CKM.SP800_108_COUNTER_KDF, writeParameter('kdf108', { prf, iv: NONE, parts }), undefined];
    }
    const salt = random.oneIn(3) ? this.#key(CKA.DERIVE) : undefined;
    const isExtraction = random.oneIn(2);
    const parameter = {
      extract: isExtraction ? 1 : 0,
      expand: isExtraction && random.oneIn(2) ? 0 : 1,
      prf: CKM.SHA256,
      saltType: salt ? CKF_HKDF_SALT.KEY : CKF_HKDF_SALT.NULL,
      salt: NONE,
      saltKey: salt?.uuid ?? NONE,
      info,
    };
    return [CKM.HKDF_DERIVE, writeParameter('hkdf', parameter), isExtraction ? salt : undefined];
  }

  /** Half of all derivations repeat an earlier one: they give the same value, whatever the new key may do. */
  async #derive(): Promise<void> {
    const random = this.#random;
    const again = random.oneIn(2) && this.#derivations.length > 0 ? random.pick(this.#derivations) : undefined;
    const base = again?.base ?? this.#key(CKA.DERIVE);
    const [mechanism, parameter, salt] = again?.method ?? this.#derivation(base);
    const values: Template = { ...this.#choices.values() };
    if (random.oneIn(2)) values.KEY_TYPE = CKK.AES;
    const length = again?.length ?? (random.oneIn(3) ? undefined : random.pick([1, 8, 16, 32]));
    if (length !== undefined) values.VALUE_LEN = length;
    this.#note(`derive ${mechanism.toString(16)} ${JSON.stringify(values)}`);
    const object = this.#choices.newObject(deriveRequest(mechanism, template(values), undefined));
    const { created } = await this.#device.call('KEY_DERIVE', this.#connection, {
      ...object,
      baseKey: base.uuid,
      mechanism,
      parameter,
    });
    this.#derivations.push({ base, method: [mechanism, parameter, salt], length });
    const sources = salt ? [base, salt] : [base];
    const isInside = sources.some(
      ({ view, secret }) => view.objectClass === CKO.SECRET_KEY && this.model.isSecret(secret),
    );
    const key = await this.#take(created, isInside ? 'made' : 'other');
    if (base.view.objectClass !== CKO.SECRET_KEY) return;
    // With a salt key both are needed, and the salt is what the function is keyed with.
    const known = sources.filter(({ secret }) => this.model.isKnown(secret));
    const rest = sources.filter((source) => !known.includes(source));
    if (rest.length === 0) this.model.learn(key.secret);
    else if (rest.length === 1) this.model.follows(rest[0] as ModelKey, key);
  }

  async #copy(): Promise<void> {
    const random = this.#random;
    const key = this.#key();
    const attributes = new Map(key.view.attributes);
    for (const type of random.oneIn(3) ? [] : [random.pick(BOOLEANS), random.pick(BOOLEANS)]) {
      if (random.oneIn(5)) attributes.delete(type);
      else attributes.set(type, random.oneIn(2) ? TRUE : FALSE);
    }
    attributes.set(CKA.TOKEN, FALSE);
    this.#note('copy');
    const description = objectOfKey(typeOf(key.view), attributes);
    if (!description) return;
    const own = { session: 1, name: random.bytes(16), flags: keyFlags(attributes, description) };
    const args = { ...own, key: key.uuid, attributes: this.#choices.forged(attributes) };
    const { created } = await this.#device.call('KEY_COPY', this.#connection, args);
    await this.#take(created, 'other');
  }

  async #change(): Promise<void> {
    const key = this.#key();
    const type = this.#random.pick(BOOLEANS);
    const value = this.#random.oneIn(6) ? null : this.#random.oneIn(2) ? TRUE : FALSE;
    this.#note(`change ${type.toString(16)} to ${value?.[0] ?? 'nothing'}`);
    const changes = [{ type, value }];
    const { attributes } = await this.#device.call('KEY_SET_ATTRIBUTES', this.#connection, {
      key: key.uuid,
      attributes: changes,
    });
    const view = { ...key.view, attributes: new Map(attributes.map((attribute) => [attribute.type, attribute.value])) };
    this.model.put({ ...key, view });
  }

  async #read(): Promise<void> {
    const key = this.#key();
    this.#note('read');
    const { attributes } = await this.#device.call('KEY_VALUE', this.#connection, { key: key.uuid });
    for (const { value } of attributes) {
      this.#see(value);
      this.model.learn(Buffer.from(value).toString('hex'));
    }
  }

  async #crypt(): Promise<void> {
    const random = this.#random;
    const key = this.#key(CKA.DECRYPT);
    const isRsa = key.view.keyType === CKK.RSA;
    const mechanism = isRsa
      ? random.pick([CKM.RSA_PKCS, CKM.RSA_X_509, CKM.RSA_PKCS_OAEP])
      : random.pick([CKM.AES_ECB, CKM.AES_CBC, CKM.AES_CTR, CKM.AES_CBC_PAD]);
    const parameter = this.#choices.cryptParameter(mechanism);
    const data = random.pick(this.#seen.slice(-8));
    const name = random.oneIn(3) ? 'KEY_ENCRYPT' : 'KEY_DECRYPT';
    this.#note(`${name} ${mechanism.toString(16)}`);
    const { result } = await this.#device.call(name, this.#connection, { key: key.uuid, mechanism, parameter, data });
    this.#see(result);
  }

  async #sign(): Promise<void> {
    const random = this.#random;
    const key = this.#key(CKA.SIGN);
    const mechanisms = new Map<number, number[]>([
      [CKK.RSA, [CKM.RSA_X_509, CKM.RSA_PKCS]],
      [CKK.AES, [CKM.AES_CMAC]],
    ]);
    const mechanism = random.pick(mechanisms.get(key.view.keyType) ?? [CKM.SHA256_HMAC]);
    // The last step of HKDF, and what has been seen: a ciphertext can be decrypted by a signature without padding.
    const data = random.oneIn(2)
      ? Buffer.concat([random.pick(INFOS), Buffer.of(1)])
      : random.pick(this.#seen.slice(-8));
    this.#note(`sign ${mechanism.toString(16)}`);
    const args = { key: key.uuid, mechanism, parameter: NONE, data };
    const { signature } = await this.#device.call('KEY_SIGN', this.#connection, args);
    this.#see(signature);
  }

  async #send(): Promise<void> {
    const key = this.#key();
    this.#note('send');
    const { invitation } = await this.#device.call('KEY_INVITE', this.#connection, {});
    const { sealed } = await this.#device.call('KEY_SEND', this.#connection, { key: key.uuid, invitation });
    this.#see(sealed);
  }
}
