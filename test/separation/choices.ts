/** What the walker chooses at random: templates, mechanisms, parameters. */

import { CKA, CKK, CKM, CKO } from '#src/cryptoki/constants.ts';
import { type KeyView } from '#src/cryptoki/key-view.ts';
import { type NewObject } from '#src/cryptoki/new-objects.ts';
import { CKG_MGF1 } from '#src/cryptoki/parameter-numbers.ts';
import { writeParameter } from '#src/cryptoki/parameters.ts';
import { type AttributeMap } from '#src/cryptoki/template.ts';
import { type Attribute, TRUE } from '#src/cryptoki/values.ts';
import { KeyType } from '#src/wire/enumerations.ts';
import { type Random } from '#test/fuzz/random.ts';
import { type Template } from '#test/token/templates.ts';
import { objectArgs } from './new-objects.ts';

const NONE = new Uint8Array(0);
const USAGES = ['ENCRYPT', 'DECRYPT', 'SIGN', 'VERIFY', 'WRAP', 'UNWRAP', 'DERIVE'] as const;
const AES_WRAPS = [CKM.AES_KEY_WRAP, CKM.AES_KEY_WRAP_PAD, CKM.AES_KEY_WRAP_KWP];
const RSA_WRAPS = [CKM.RSA_PKCS, CKM.RSA_PKCS_OAEP, CKM.RSA_AES_KEY_WRAP];
const NO_WRAPS = [CKM.AES_ECB, CKM.AES_CBC, CKM.AES_CBC_PAD, CKM.AES_CTR, CKM.AES_GCM, CKM.RSA_X_509];

/** What a walk is about. In a walk about everything the parts of a long attack seldom meet. */
export const THEMES = ['all', 'wrap', 'derive'] as const;
export type Theme = (typeof THEMES)[number];

/** Usages that go together, so that most keys come to be. */
const PURPOSES: Readonly<Record<Theme, readonly (readonly (typeof USAGES)[number][])[]>> = {
  all: [['WRAP', 'UNWRAP'], ['ENCRYPT', 'DECRYPT'], ['SIGN', 'VERIFY'], ['DERIVE']],
  wrap: [['WRAP', 'UNWRAP'], ['WRAP', 'UNWRAP'], ['WRAP', 'UNWRAP', 'DECRYPT'], ['SIGN'], ['DECRYPT']],
  derive: [['DERIVE'], ['DERIVE'], ['DERIVE'], ['SIGN'], ['WRAP', 'UNWRAP']],
};

/** Attributes that somebody would like to change. */
export const BOOLEANS = [
  CKA.SENSITIVE,
  CKA.EXTRACTABLE,
  CKA.ENCRYPT,
  CKA.DECRYPT,
  CKA.SIGN,
  CKA.WRAP,
  CKA.UNWRAP,
  CKA.DERIVE,
  CKA.TRUSTED,
  CKA.WRAP_WITH_TRUSTED,
  CKA.ALWAYS_SENSITIVE,
  CKA.LOCAL,
  CKA.COPYABLE,
];

/** The protocol's type of a key. */
export function typeOf(view: KeyView): number {
  if (view.objectClass === CKO.SECRET_KEY) return KeyType.SECRET;
  const isPrivate = view.objectClass === CKO.PRIVATE_KEY;
  switch (view.keyType) {
    case CKK.RSA:
      return isPrivate ? KeyType.RSA_PRIVATE : KeyType.RSA_PUBLIC;
    case CKK.EC:
      return isPrivate ? KeyType.EC_PRIVATE : KeyType.EC_PUBLIC;
    default:
      return isPrivate ? KeyType.X_PRIVATE : KeyType.X_PUBLIC;
  }
}

/** What makes a wrapping key, see {@link import('#src/cryptoki/separation.ts').checkWrap}. */
const ORIGIN: readonly number[] = [CKA.LOCAL, CKA.ALWAYS_SENSITIVE, CKA.NEVER_EXTRACTABLE];

export class Choices {
  readonly #random: Random;
  readonly #theme: Theme;

  constructor(random: Random, theme: Theme) {
    this.#random = random;
    this.#theme = theme;
  }

  /** Random usages, and whether the key may be seen. */
  values(): Template {
    const random = this.#random;
    const values: Template = {};
    for (const usage of random.oneIn(5) ? USAGES : random.pick(PURPOSES[this.#theme]))
      if (!random.oneIn(4)) values[usage] = true;
    if (random.oneIn(3)) values.SENSITIVE = random.oneIn(2);
    if (!random.oneIn(3)) values.EXTRACTABLE = !random.oneIn(4);
    if (random.oneIn(20)) values.WRAP_WITH_TRUSTED = true;
    return values;
  }

  /** What a broken appliance could claim. */
  forged(attributes: AttributeMap, odds = 4): Attribute[] {
    const list = [...attributes].map(([type, value]) => ({ type, value }));
    if (!this.#random.oneIn(odds)) return list;
    const claims = this.#random.oneIn(2) ? ORIGIN : [this.#random.pick([...ORIGIN, CKA.TRUSTED, CKA.DKS_CLOSED_PAIR])];
    const rest = list.filter(({ type }) => !claims.includes(type));
    return [...rest, ...claims.map((type) => ({ type, value: TRUE }))];
  }

  newObject(made: Omit<NewObject, 'curve'>, odds?: number): ReturnType<typeof objectArgs> {
    return objectArgs(made, this.#random.bytes(16), this.forged(made.attributes, odds));
  }

  wrapping(key: KeyView): [mechanism: number, parameter: Uint8Array] {
    const random = this.#random;
    const isRsa = key.keyType === CKK.RSA;
    const mechanism = random.oneIn(10) ? random.pick(NO_WRAPS) : random.pick(isRsa ? RSA_WRAPS : AES_WRAPS);
    const oaep = { hash: CKM.SHA256, mgf: CKG_MGF1.SHA256, label: NONE };
    if (mechanism === CKM.RSA_PKCS_OAEP) return [mechanism, writeParameter('oaep', oaep)];
    if (mechanism === CKM.RSA_AES_KEY_WRAP) return [mechanism, writeParameter('rsaAesWrap', { aesBits: 256, ...oaep })];
    if (mechanism === CKM.AES_CBC || mechanism === CKM.AES_CBC_PAD) {
      return [mechanism, writeParameter('iv', { iv: Buffer.alloc(16) })];
    }
    return [mechanism, NONE];
  }

  cryptParameter(mechanism: number): Uint8Array {
    const block = Buffer.alloc(16);
    switch (mechanism) {
      case CKM.AES_CBC:
      case CKM.AES_CBC_PAD:
        return writeParameter('iv', { iv: block });
      case CKM.AES_CTR:
        return writeParameter('ctr', { counterBits: 128, block });
      case CKM.RSA_PKCS_OAEP:
        return writeParameter('oaep', { hash: CKM.SHA256, mgf: CKG_MGF1.SHA256, label: NONE });
      default:
        return NONE;
    }
  }
}
