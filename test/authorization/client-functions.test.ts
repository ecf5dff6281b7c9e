/** Who may call which function of our own clients: every function in every role, on real devices. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CKK, CKM, CKO, CKR } from '#src/cryptoki/constants.ts';
import { CKD, CKP } from '#src/cryptoki/parameter-numbers.ts';
import { writeParameter } from '#src/cryptoki/parameters.ts';
import { User } from '#src/wire/enumerations.ts';
import { type ArgsOf } from '#src/wire/message.ts';
import { clientOperations } from '#src/wire/own-operations.ts';
import { CkrError } from '#src/wire/status.ts';
import { FACTORY_PIN, none, pin, type RealProgram, RealToken, SO_PIN, USER_PIN } from '../token/start-real.ts';
import { Found, randomUuid } from '../token/start-token.ts';
import { P256, template, type Template } from '../token/templates.ts';

type Name = keyof typeof clientOperations;
type Role = 'none' | 'user' | 'so' | 'wheel';

const ROLES: readonly Role[] = ['none', 'user', 'so', 'wheel'];

/** Objects of all kinds: token objects, which every program sees that may. */
interface Things {
  readonly ec: { publicKey: Found; privateKey: Found };
  readonly always: Found;
  readonly kem: { publicKey: Found; privateKey: Found };
  readonly kek: Found;
  readonly aes: Found;
  readonly readable: Found;
  readonly wrapped: Uint8Array;
  readonly ciphertext: Uint8Array;
  /** Of the role that asks. */
  readonly callerPin: string;
}

interface Row<N extends Name> {
  /** Fresh arguments that are right; the object is a private one where there is a choice. */
  readonly args: (things: Things) => ArgsOf<N> | Promise<ArgsOf<N>>;
  /** Who may do it; the others get CKR_USER_NOT_LOGGED_IN. */
  readonly roles: readonly Role[];
  /** The argument that names an object, and what an unknown one is called. */
  readonly object?: readonly [field: string, ckr: number];
}

const EVERYBODY: readonly Role[] = ROLES;
/** Private objects and token objects are those of whoever may use keys. */
const KEY_USERS: readonly Role[] = ['user', 'wheel'];

const AES: Template = { CLASS: CKO.SECRET_KEY, KEY_TYPE: CKK.AES };
const HASH = Buffer.alloc(32, 7);
const BLOCK = new Uint8Array(16);

const making = () => ({ session: 1, request: randomUuid() });

let real: RealToken;
let things: Things;
let user: RealProgram;

/** A function that is missing does not compile. */
const rows: { readonly [N in Name]: Row<N> } = {
  HELLO: { args: () => ({ version: 1, application: randomUuid(), name: 'x' }), roles: EVERYBODY },
  TOKEN_INFO: { args: () => ({}), roles: EVERYBODY },
  MECHANISM_LIST: { args: () => ({}), roles: EVERYBODY },
  SESSION_CLOSE: { args: () => ({ session: 77 }), roles: EVERYBODY },
  OBJECT_FIND: { args: () => ({ template: [], after: BLOCK, limit: 1 }), roles: EVERYBODY },
  OBJECT_GET: {
    args: ({ aes }) => ({ object: aes.object }),
    roles: KEY_USERS,
    object: ['object', CKR.OBJECT_HANDLE_INVALID],
  },
  OBJECT_SET: {
    args: ({ aes }) => ({ object: aes.object, template: template({ LABEL: 'new' }) }),
    roles: KEY_USERS,
    object: ['object', CKR.OBJECT_HANDLE_INVALID],
  },
  OBJECT_CREATE: {
    args: () => ({ ...making(), template: template({ CLASS: CKO.DATA, TOKEN: true, PRIVATE: true, VALUE: '0x01' }) }),
    roles: KEY_USERS,
  },
  OBJECT_COPY: {
    args: ({ aes }) => ({ ...making(), object: aes.object, template: [] }),
    roles: KEY_USERS,
    object: ['object', CKR.OBJECT_HANDLE_INVALID],
  },
  OBJECT_VALUE: {
    args: ({ readable }) => ({ object: readable.object }),
    roles: KEY_USERS,
    object: ['object', CKR.OBJECT_HANDLE_INVALID],
  },
  OBJECT_DESTROY: {
    args: async () => ({ object: (await user.create({ CLASS: CKO.DATA, TOKEN: true })).object }),
    roles: KEY_USERS,
    object: ['object', CKR.OBJECT_HANDLE_INVALID],
  },
  KEY_PAIR_GENERATE: {
    args: () => ({
      ...making(),
      mechanism: CKM.EC_KEY_PAIR_GEN,
      parameter: none,
      publicTemplate: template({ EC_PARAMS: P256 }),
      privateTemplate: [],
    }),
    roles: KEY_USERS,
  },
  SECRET_KEY_GENERATE: {
    args: () => ({
      ...making(),
      mechanism: CKM.AES_KEY_GEN,
      parameter: none,
      template: template({ VALUE_LEN: 32 }),
    }),
    roles: KEY_USERS,
  },
  WRAP: {
    args: ({ kek, readable }) => ({
      wrappingKey: kek.object,
      mechanism: CKM.AES_KEY_WRAP_KWP,
      parameter: none,
      key: readable.object,
    }),
    roles: KEY_USERS,
    object: ['wrappingKey', CKR.WRAPPING_KEY_HANDLE_INVALID],
  },
  UNWRAP: {
    args: ({ kek, wrapped }) => ({
      ...making(),
      unwrappingKey: kek.object,
      mechanism: CKM.AES_KEY_WRAP_KWP,
      parameter: none,
      wrapped,
      template: template(AES),
    }),
    roles: KEY_USERS,
    object: ['unwrappingKey', CKR.UNWRAPPING_KEY_HANDLE_INVALID],
  },
  DERIVE: {
    args: ({ ec }) => {
      const publicData = Buffer.from(ec.publicKey.get('EC_POINT') ?? '', 'hex');
      const parameter = writeParameter('ecdh', { kdf: CKD.NULL, sharedData: none, publicData }).slice();
      const values = template({ CLASS: CKO.SECRET_KEY, KEY_TYPE: CKK.GENERIC_SECRET });
      const base = { baseKey: ec.privateKey.object, mechanism: CKM.ECDH1_DERIVE };
      return { ...making(), ...base, parameter, template: values };
    },
    roles: KEY_USERS,
    object: ['baseKey', CKR.KEY_HANDLE_INVALID],
  },
  // With a public key, but the secret is a private object.
  ENCAPSULATE: {
    args: ({ kem }) => ({
      ...making(),
      publicKey: kem.publicKey.object,
      mechanism: CKM.ML_KEM,
      parameter: none,
      template: template(AES),
    }),
    roles: KEY_USERS,
    object: ['publicKey', CKR.KEY_HANDLE_INVALID],
  },
  DECAPSULATE: {
    args: ({ kem, ciphertext }) => ({
      ...making(),
      privateKey: kem.privateKey.object,
      mechanism: CKM.ML_KEM,
      parameter: none,
      ciphertext,
      template: template(AES),
    }),
    roles: KEY_USERS,
    object: ['privateKey', CKR.KEY_HANDLE_INVALID],
  },
  SIGN: {
    args: ({ ec }) => ({ object: ec.privateKey.object, mechanism: CKM.ECDSA, parameter: none, data: HASH }),
    roles: KEY_USERS,
    object: ['object', CKR.KEY_HANDLE_INVALID],
  },
  VERIFY: {
    args: async ({ ec }) => {
      const { signature } = await user.sign(ec.privateKey.object, CKM.ECDSA, HASH);
      return { object: ec.publicKey.object, mechanism: CKM.ECDSA, parameter: none, data: HASH, signature };
    },
    roles: EVERYBODY,
    object: ['object', CKR.KEY_HANDLE_INVALID],
  },
  ENCRYPT: {
    args: ({ aes }) => ({ object: aes.object, mechanism: CKM.AES_ECB, parameter: none, data: BLOCK }),
    roles: KEY_USERS,
    object: ['object', CKR.KEY_HANDLE_INVALID],
  },
  DECRYPT: {
    args: ({ aes }) => ({ object: aes.object, mechanism: CKM.AES_ECB, parameter: none, data: BLOCK }),
    roles: KEY_USERS,
    object: ['object', CKR.KEY_HANDLE_INVALID],
  },
  CONTEXT_LOGIN: {
    args: ({ always, callerPin }) => ({ object: always.object, pin: pin(callerPin) }),
    roles: KEY_USERS,
    object: ['object', CKR.KEY_HANDLE_INVALID],
  },
  // Who knows a PIN may change it: here to itself.
  PIN_CHANGE: { args: () => ({ oldPin: pin(USER_PIN), newPin: pin(USER_PIN) }), roles: ['none', 'user'] },
  // Who knows the PIN of the security officer is the security officer.
  TOKEN_INITIALIZE: { args: () => ({ pin: pin(SO_PIN), label: '' }), roles: EVERYBODY },
};

const PINS: Readonly<Record<Exclude<Role, 'none'>, readonly [User, string]>> = {
  user: [User.NORMAL, USER_PIN],
  so: [User.SO, SO_PIN],
  wheel: [User.WHEEL, FACTORY_PIN],
};

/** CK_RV of a call. */
async function outcome(program: RealProgram, name: Name, args: object): Promise<number> {
  try {
    await program.call(name, args);
    return CKR.OK;
  } catch (error) {
    assert.ok(error instanceof CkrError, String(error));
    return error.ckr;
  }
}

before(async () => {
  real = await RealToken.start();
  user = await real.program();
  const token: Template = { TOKEN: true };
  const usages: Template = { ...token, SIGN: true, DERIVE: true };
  const kek = await user.secretKey(CKM.AES_KEY_GEN, { ...token, VALUE_LEN: 32, WRAP: true, UNWRAP: true });
  const readable = await user.secretKey(CKM.AES_KEY_GEN, {
    ...{ ...token, VALUE_LEN: 32, SENSITIVE: false, EXTRACTABLE: true },
  });
  const kemSet = { ...token, PARAMETER_SET: CKP.ML_KEM_512 };
  const kem = await user.generate(CKM.ML_KEM_KEY_PAIR_GEN, kemSet, token);
  const { args } = rows.ENCAPSULATE;
  things = {
    ec: await user.generate(CKM.EC_KEY_PAIR_GEN, { ...token, EC_PARAMS: P256 }, usages),
    always: (await user.generate(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256 }, { ...token, ALWAYS_AUTHENTICATE: true }))
      .privateKey,
    aes: await user.secretKey(CKM.AES_KEY_GEN, { ...token, VALUE_LEN: 32 }),
    wrapped: await user.wrap(kek, readable, CKM.AES_KEY_WRAP_KWP),
    ciphertext: (await user.call('ENCAPSULATE', await args({ kem } as Things))).ciphertext,
    callerPin: USER_PIN,
    kem,
    kek,
    readable,
  };
});
after(() => real?.stop());

describe('every function of our own clients', () => {
  for (const role of ROLES) {
    test(role, async () => {
      const program = role === 'none' ? real.visitor() : await real.program(...PINS[role]);
      const own = { ...things, callerPin: role === 'none' ? USER_PIN : PINS[role][1] };
      const found: string[] = [];
      const expected: string[] = [];
      for (const [name, row] of Object.entries(rows) as [Name, Row<'SIGN'>][]) {
        const ckr = await outcome(program, name, await row.args(own));
        // PIN_CHANGE is about the PIN of the role, which is another one: the user's is wrong.
        const refused = name === 'PIN_CHANGE' ? CKR.PIN_INCORRECT : CKR.USER_NOT_LOGGED_IN;
        found.push(`${name} ${ckr.toString(16)}`);
        expected.push(`${name} ${(row.roles.includes(role) ? CKR.OK : refused).toString(16)}`);
        if (!row.object) continue;
        const [field, invalid] = row.object;
        const unknown = { ...(await row.args(own)), [field]: randomUuid() };
        found.push(`${name} of nothing ${(await outcome(program, name, unknown)).toString(16)}`);
        expected.push(`${name} of nothing ${invalid.toString(16)}`);
      }
      assert.deepEqual(found, expected);
    });
  }

  test('a session object of another program does not exist for anybody', async () => {
    const mine = await user.secretKey(CKM.AES_KEY_GEN, { VALUE_LEN: 32 });
    const other = await real.program();
    for (const [name, { args, object }] of Object.entries(rows) as [Name, Row<'SIGN'>][]) {
      if (!object) continue;
      const [field, invalid] = object;
      const request = { ...(await args(things)), [field]: mine.object };
      assert.equal(await outcome(other, name, request), invalid, name);
    }
  });
});
