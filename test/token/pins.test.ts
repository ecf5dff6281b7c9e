import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CKM, CKR } from '#src/cryptoki/constants.ts';
import { User } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { Program, randomUuid, rejectsWith, startToken } from './start-token.ts';
import { P256 } from './templates.ts';

const pin = (text: string) => Buffer.from(text);

describe('PIN_CHANGE', () => {
  const change = (program: Program, oldPin: string, newPin: string) =>
    program.call('PIN_CHANGE', { oldPin: pin(oldPin), newPin: pin(newPin) });

  test('of the role that is logged in, of the user if nobody is', async () => {
    const { token, user, visitor, fleet } = startToken();
    const officer = new Program(token, fleet.connection(User.SO), randomUuid());
    await change(user, '1234', '5678');
    await change(officer, 'so-old', 'so-new');
    await change(visitor, '5678', '9999');
    assert.deepEqual(fleet.pinChanges, [
      [User.NORMAL, '1234', '5678'],
      [User.SO, 'so-old', 'so-new'],
      [User.NORMAL, '5678', '9999'],
    ]);
  });

  test('wrong lengths, a wrong PIN, CrypTech boards', async () => {
    const { user, fleet } = startToken();
    await rejectsWith(change(user, '1234', '123'), CKR.PIN_LEN_RANGE);
    await rejectsWith(change(user, '123', '1234'), CKR.PIN_INCORRECT);
    assert.deepEqual(fleet.requests, [], 'a PIN that cannot be right is not tried');
    fleet.failNext = { name: 'replacePin', error: new HalError('PIN_INCORRECT') };
    await rejectsWith(change(user, '1234', '5678'), CKR.PIN_INCORRECT);
    fleet.failNext = { name: 'replacePin', error: new HalError('NOT_IMPLEMENTED') };
    await rejectsWith(change(user, '1234', '5678'), CKR.FUNCTION_NOT_SUPPORTED);
  });
});

describe('TOKEN_INITIALIZE', () => {
  const initialise = (program: Program, text: string) =>
    program.call('TOKEN_INITIALIZE', { pin: pin(text), label: 'another label' });

  test('keeps the keys unless the setting says otherwise', async () => {
    let erases = false;
    const { visitor, fleet } = startToken({ initialisingErasesKeys: () => erases });
    await initialise(visitor, 'so-pin');
    erases = true;
    await initialise(visitor, 'so-pin');
    assert.deepEqual(fleet.initialisations, [
      ['so-pin', false],
      ['so-pin', true],
    ]);
    assert.equal((await visitor.call('TOKEN_INFO', {})).label, 'Cryptech Token');
  });

  test('the wrong PIN', async () => {
    const { visitor, fleet } = startToken();
    fleet.failNext = { name: 'initialise', error: new HalError('PIN_INCORRECT') };
    await rejectsWith(initialise(visitor, 'user'), CKR.PIN_INCORRECT);
    await rejectsWith(initialise(visitor, 'abc'), CKR.PIN_INCORRECT);
  });
});

describe('CONTEXT_LOGIN', () => {
  test('takes a key that asks for it, and a login', async () => {
    const { user, visitor, fleet } = startToken();
    const always = { TOKEN: true, ALWAYS_AUTHENTICATE: true };
    const { privateKey } = await user.generate(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256 }, always);
    const other = await user.generate(CKM.EC_KEY_PAIR_GEN, { EC_PARAMS: P256 }, {});
    const login = (program: Program, object: Uint8Array, text = '1234') =>
      program.call('CONTEXT_LOGIN', { object, pin: pin(text) });
    await login(user, privateKey.object);
    await rejectsWith(login(user, other.privateKey.object), CKR.OPERATION_NOT_INITIALIZED);
    await rejectsWith(login(visitor, privateKey.object), CKR.USER_NOT_LOGGED_IN);
    await rejectsWith(login(user, randomUuid()), CKR.KEY_HANDLE_INVALID);
    await rejectsWith(login(user, privateKey.object, '1'), CKR.PIN_INCORRECT);
    fleet.failNext = { name: 'authenticate', error: new HalError('PIN_INCORRECT') };
    await rejectsWith(login(user, privateKey.object), CKR.PIN_INCORRECT);
  });
});
