/** A program of a user, as far as a device sees it: requests made from templates as the token makes them. */

import { createRequest } from '#src/cryptoki/created-objects.ts';
import { CKM } from '#src/cryptoki/constants.ts';
import { keyPairRequest } from '#src/cryptoki/key-pair.ts';
import { deriveRequest, type NewObject, secretKeyRequest, unwrapRequest } from '#src/cryptoki/new-objects.ts';
import { type AttributeMap } from '#src/cryptoki/template.ts';
import { type Attribute } from '#src/cryptoki/values.ts';
import { type ResultsOf } from '#src/wire/message.ts';
import { type Template, template } from '#test/token/templates.ts';
import { objectArgs, pairArgs } from './new-objects.ts';
import { type OpenDevice, USERS } from './open-device.ts';

export type Facts = ResultsOf<'KEY_LOAD'>['loaded'];

export const USER = USERS[0] as number;
export const NONE = new Uint8Array(0);

export function list(attributes: AttributeMap): Attribute[] {
  return [...attributes].map(([type, value]) => ({ type, value }));
}

export class Program {
  readonly device: OpenDevice;
  #names = 0;

  constructor(device: OpenDevice) {
    this.device = device;
  }

  freshName(): Uint8Array {
    const name = Buffer.alloc(16);
    name.writeUInt32BE(++this.#names, 12);
    return name;
  }

  #object(made: Omit<NewObject, 'curve'>): ReturnType<typeof objectArgs> {
    return objectArgs(made, this.freshName(), list(made.attributes));
  }

  async create(values: Template): Promise<Facts> {
    const request = createRequest(template(values), 'user');
    if (request.form === 'key') {
      const { der, flags, attributes } = request;
      const args = { session: 1, name: this.freshName(), flags, attributes: list(attributes), der };
      return (await this.device.call('KEY_LOAD', USER, args)).loaded;
    }
    const args = { ...this.#object(request), value: request.value.slice() };
    return (await this.device.call('OBJECT_LOAD', USER, args)).loaded;
  }

  /** An AES key of 32 bytes, or another secret key. */
  async generate(values: Template, mechanism: number = CKM.AES_KEY_GEN, parameter: Uint8Array = NONE): Promise<Facts> {
    const object = this.#object(secretKeyRequest(mechanism, parameter, template({ VALUE_LEN: 32, ...values })));
    return (await this.device.call('KEY_CREATE', USER, { ...object, mechanism, parameter })).created;
  }

  async generatePair(mechanism: number, values: Template, privateValues: Template): Promise<[Facts, Facts]> {
    const request = keyPairRequest(mechanism, template(values), template(privateValues));
    const args = pairArgs(request, () => this.freshName(), list);
    const pair = await this.device.call('KEY_PAIR_CREATE', USER, args);
    return [pair.privateKey, pair.publicKey];
  }

  async wrap(by: Facts, key: Facts, mechanism: number, parameter: Uint8Array = NONE): Promise<Uint8Array> {
    const args = { wrappingKey: by.key, key: key.key, mechanism, parameter };
    return (await this.device.call('KEY_WRAP', USER, args)).wrapped;
  }

  async unwrap(
    by: Facts,
    wrapped: Uint8Array,
    values: Template,
    mechanism: number,
    parameter: Uint8Array = NONE,
  ): Promise<Facts> {
    const object = this.#object(unwrapRequest(mechanism, template(values), undefined));
    const args = { ...object, unwrappingKey: by.key, mechanism, parameter, wrapped };
    return (await this.device.call('KEY_UNWRAP', USER, args)).created;
  }

  async derive(base: Facts, values: Template, mechanism: number, parameter: Uint8Array): Promise<Facts> {
    const object = this.#object(deriveRequest(mechanism, template(values), undefined));
    const args = { ...object, baseKey: base.key, mechanism, parameter };
    return (await this.device.call('KEY_DERIVE', USER, args)).created;
  }

  async sign(key: Facts, mechanism: number, data: Uint8Array): Promise<Uint8Array> {
    const args = { key: key.key, mechanism, parameter: NONE, data };
    return (await this.device.call('KEY_SIGN', USER, args)).signature;
  }

  async decrypt(key: Facts, mechanism: number, data: Uint8Array, parameter: Uint8Array = NONE): Promise<Uint8Array> {
    const args = { key: key.key, mechanism, parameter, data };
    return (await this.device.call('KEY_DECRYPT', USER, args)).result;
  }

  async change(key: Facts, values: Template): Promise<void> {
    await this.device.call('KEY_SET_ATTRIBUTES', USER, { key: key.key, attributes: template(values) });
  }

  async copy(key: Facts, flags: number, attributes: readonly Attribute[]): Promise<Facts> {
    const args = { key: key.key, session: 1, name: this.freshName(), flags, attributes: [...attributes] };
    return (await this.device.call('KEY_COPY', USER, args)).created;
  }

  /** CKA_VALUE of a key. */
  async read(key: Facts): Promise<Uint8Array> {
    const { attributes } = await this.device.call('KEY_VALUE', USER, { key: key.key });
    return attributes[0]?.value ?? NONE;
  }
}
