import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { HssTrees, leafPath, signaturesPerLeaf, signHss, verifyHss } from '#src/crypto/hss.ts';
import {
  hssPublicKey,
  hssSignatureSize,
  type HssPrivateKey,
  type HssPublicKey,
  readHssPrivateKey,
  readHssPublicKey,
  writeHssPrivateKey,
  writeHssPublicKey,
} from '#src/crypto/hss-key.ts';
import { type LmsParameters, lmsParameters, verifyLms } from '#src/crypto/lms.ts';
import { native } from '#src/crypto/native.ts';
import { parsePublicKey, publicKeyAttributes } from '#src/crypto/public-key.ts';
import { KeyType } from '#src/wire/enumerations.ts';
import { hssVectors } from '#test/vectors/hss.ts';
import { fromHex, recordedCalls } from '#test/vectors/vectors.ts';
import { throwsStatus } from './expect.ts';
import { hssLevels, publicKeyOfSpki } from './rfc8554.ts';

const MESSAGE = Buffer.from('a message');

function parameters(lms: number, lmots: number): LmsParameters {
  const found = lmsParameters(lms, lmots);
  assert.ok(found);
  return found;
}

/** u32str(L) || u32str(type) || u32str(otstype) || I || T[1] as a key of ours; the types at the root stand for all. */
function publicKeyOf(encoded: Uint8Array): HssPublicKey {
  const view = new DataView(encoded.buffer, encoded.byteOffset);
  return {
    levels: view.getUint32(0),
    parameters: parameters(view.getUint32(4), view.getUint32(8)),
    identifier: encoded.subarray(12, 28),
    root: encoded.subarray(28),
  };
}

async function makeKey(levels: number, lms: number, lmots: number): Promise<{ key: HssPrivateKey; trees: HssTrees }> {
  return HssTrees.generate(levels, parameters(lms, lmots), randomBytes);
}

describe('verification of hash-based signatures', () => {
  for (const { name, message, publicKey, signature } of hssVectors) {
    test(name, () => {
      const key = publicKeyOf(fromHex(publicKey));
      const bytes = fromHex(signature);
      assert.equal(verifyHss(key, Buffer.from(message), bytes), true);
      assert.equal(verifyHss(key, Buffer.from(`${message} `), bytes), false);
      // A change anywhere, at least in every field, makes it invalid.
      for (let i = 0; i < bytes.length; i += 1 + Math.floor(bytes.length / 400)) {
        const changed = bytes.slice();
        changed[i] = (changed[i] as number) ^ 0x10;
        assert.equal(verifyHss(key, Buffer.from(message), changed), false, `byte ${i}`);
      }
      for (const length of [0, 3, 4, 7, 8, 100, bytes.length - 1]) {
        assert.equal(verifyHss(key, Buffer.from(message), bytes.subarray(0, length)), false, `${length} bytes`);
      }
      assert.equal(verifyHss(key, Buffer.from(message), Buffer.concat([bytes, Buffer.alloc(1)])), false);
      assert.equal(verifyHss({ ...key, levels: 1 }, Buffer.from(message), bytes), false);
    });
  }

  test('a signature of a CrypTech device', () => {
    const group = recordedCalls.filter((call) => call.group === 'hashsig');
    const find = (name: string) => {
      const call = group.find((candidate) => candidate.name === name);
      assert.ok(call);
      return call;
    };
    const spki = fromHex(find('public').reply_hex as string).subarray(16, 16 + 85);
    const request = fromHex(find('verify.ok').request_hex);
    const [message, signature] = [request.subarray(20, 52), request.subarray(56, 56 + 2352)];
    assert.equal(verifyHss(readHssPublicKey(spki), message, signature), true);
    assert.ok(hssLevels(publicKeyOfSpki(spki), message, signature));
    assert.deepEqual(writeHssPublicKey(readHssPublicKey(spki)), Uint8Array.from(spki));
  });
});

describe('hash-based signatures', () => {
  for (const [levels, lms, lmots] of [
    [1, 5, 1],
    [1, 5, 2],
    [1, 5, 3],
    [1, 5, 4],
    [1, 6, 3],
    [2, 5, 3],
    [2, 5, 4],
    [3, 5, 2],
    [8, 5, 3],
  ] as const) {
    test(`levels ${levels}, LMS type ${lms}, LM-OTS type ${lmots}: another implementation accepts them`, async () => {
      const { key, trees } = await makeKey(levels, lms, lmots);
      const spki = writeHssPublicKey(key);
      assert.equal(spki.length, 85);
      const size = hssSignatureSize(levels, key.parameters);
      const last = 2 ** key.parameters.height - 1;
      for (const position of [
        { leaf: 0, below: 0 },
        { leaf: 3, below: levels === 1 ? 0 : last + 2 - (levels === 2 ? 32 : 0) },
        { leaf: last, below: signaturesPerLeaf(key) - 1 },
      ]) {
        const path = leafPath(key, position);
        const signature = await signHss(levels, await trees.at(position), path.at(-1) as number, MESSAGE);
        assert.equal(signature.length, size);
        const found = hssLevels(publicKeyOfSpki(spki), MESSAGE, signature);
        assert.deepEqual(
          found?.map(({ q }) => q),
          path,
        );
        assert.equal(verifyHss(key, MESSAGE, signature), true);
        assert.equal(verifyHss(key, Buffer.from('another'), signature), false);
      }
      trees.destroy();
    });
  }

  test('sizes are those of a CrypTech device', () => {
    assert.equal(hssSignatureSize(1, parameters(5, 3)), 2352);
    assert.equal(hssSignatureSize(2, parameters(5, 4)), 2644);
  });

  test('trees that are built again are the same, so that a leaf signs them only once', async () => {
    const { key, trees } = await makeKey(3, 5, 3);
    const again = new HssTrees({ ...key, seed: key.seed.slice() });
    const position = { leaf: 7, below: 33 };
    const [first, second] = [await trees.at(position), await again.at(position)];
    assert.deepEqual(first.above, second.above);
    assert.deepEqual(await first.tree.sign(1, MESSAGE), await second.tree.sign(1, MESSAGE));
    const other = await again.at({ leaf: 8, below: 33 });
    assert.notDeepEqual(other.tree.identifier, first.tree.identifier);
  });

  test('a destroyed tree signs nothing and has no children', async () => {
    const { trees } = await makeKey(2, 5, 3);
    const { tree } = await trees.at({ leaf: 0, below: 0 });
    trees.destroy();
    await new Promise(setImmediate);
    await assert.rejects(tree.sign(0, MESSAGE), { name: 'HalError' });
    throwsStatus('KEY_NOT_FOUND', () => tree.derive(0, 0xfffe));
  });

  test('a seed that does not belong to the public key is noticed', async () => {
    const { key } = await makeKey(1, 5, 3);
    const trees = new HssTrees({ ...key, seed: randomBytes(32) });
    await assert.rejects(trees.at({ leaf: 0, below: 0 }), { message: /do not belong together/ });
  });

  test('positions beyond counting are cut where nobody gets', () => {
    const key = { levels: 8, parameters: parameters(7, 4), identifier: randomBytes(16), root: randomBytes(32) };
    assert.equal(signaturesPerLeaf(key), 2 ** 52);
    assert.deepEqual(leafPath(key, { leaf: 9, below: 2 ** 52 - 1 }), [9, 0, 0, 0, 127, 32767, 32767, 32767]);
  });
});

describe('encoded hash-based keys', () => {
  const key: HssPrivateKey = {
    levels: 2,
    parameters: parameters(6, 4),
    identifier: Uint8Array.from({ length: 16 }, (_, i) => i),
    root: new Uint8Array(32).fill(0xab),
    seed: new Uint8Array(32).fill(0xcd),
    start: 128,
    end: 1024,
  };

  test('private keys keep all fields', () => {
    const pkcs8 = writeHssPrivateKey(key);
    assert.deepEqual(readHssPrivateKey(pkcs8), key);
    assert.equal(
      Buffer.from(pkcs8).toString('hex'),
      `307f020100300f060b2a864886f70d0109100311050004693067020102020106020104` +
        `0410000102030405060708090a0b0c0d0e0f0420${'ab'.repeat(32)}0420${'cd'.repeat(32)}0202008002020400`,
    );
  });

  test('a public key has the facts that the device keeps', () => {
    const spki = writeHssPublicKey(key);
    const parsed = parsePublicKey(spki);
    assert.deepEqual(parsed, hssPublicKey(spki));
    assert.equal(parsed.type, KeyType.HASHSIG_PUBLIC);
    assert.equal(parsed.bits / 8, hssSignatureSize(2, key.parameters));
    assert.deepEqual(publicKeyAttributes(parsed, false), []);
    // The NULL may be missing.
    const short = Buffer.from(spki.toHex().replace('3053300f', '3051300d').replace('03110500', '0311'), 'hex');
    assert.deepEqual(parsePublicKey(short), parsed);
  });

  test('anything else is refused', () => {
    const spki = writeHssPublicKey(key).toHex();
    const pkcs8 = writeHssPrivateKey(key).toHex();
    const changed = (from: string, to: string, der = spki) => fromHex(der.replace(from, to));
    throwsStatus('UNSUPPORTED_KEY', () => readHssPublicKey(changed('020102020106', '020100020106')));
    throwsStatus('UNSUPPORTED_KEY', () => readHssPublicKey(changed('020102020106', '020109020106')));
    throwsStatus('UNSUPPORTED_KEY', () => readHssPublicKey(changed('020102020106', '020102020104')));
    throwsStatus('UNSUPPORTED_KEY', () => readHssPublicKey(changed('020106020104', '020106020105')));
    throwsStatus('ASN1_PARSE_FAILED', () => readHssPublicKey(changed('020102020106', '0201ff020106')));
    throwsStatus('ASN1_PARSE_FAILED', () => readHssPublicKey(changed('0410', '040f')));
    throwsStatus('ASN1_PARSE_FAILED', () => readHssPublicKey(fromHex(`${spki}00`)));
    throwsStatus('ASN1_PARSE_FAILED', () => readHssPrivateKey(changed('307f020100', '307f020101', pkcs8)));
    for (const range of ['0202040002020400', '0202040002020080', '0202008002020401']) {
      throwsStatus('ASN1_PARSE_FAILED', () => readHssPrivateKey(changed('0202008002020400', range, pkcs8)));
    }
    for (let length = 0; length < spki.length / 2; length++) {
      throwsStatus('ASN1_PARSE_FAILED', () => parsePublicKey(fromHex(spki).subarray(0, length)));
    }
  });
});

describe('the native functions', () => {
  const [id, seed] = [new Uint8Array(16), new Uint8Array(32)];

  test('refuse what would lead outside of their memory', () => {
    assert.throws(() => native.lmsLeaves(id, seed, 4, 0, 5, 33), TypeError);
    assert.throws(() => native.lmsLeaves(id, seed, 4, 31, 5, 2), TypeError);
    assert.throws(() => native.lmsLeaves(id, seed, 4, 0, 5, 0), TypeError);
    assert.throws(() => native.lmsLeaves(id, seed, 4, 0, 26, 1), TypeError);
    assert.throws(() => native.lmsLeaves(id, seed, 4, 0, 25, 4097), TypeError);
    assert.throws(() => native.lmsLeaves(id, seed, 3, 0, 5, 1));
    assert.throws(() => native.lmsLeaves(id.subarray(1), seed, 4, 0, 5, 1), TypeError);
    assert.throws(() => native.lmotsSign(id, seed.subarray(1), 4, 0, MESSAGE), TypeError);
    assert.throws(() => native.lmsInnerNodes(id, new Uint8Array(96)), TypeError);
    assert.throws(() => native.lmotsCandidate(id, 4, 0, MESSAGE, new Uint8Array(32)), TypeError);
    assert.throws(() => native.lmotsCandidate(id, 16, 0, MESSAGE, new Uint8Array(32)), TypeError);
  });

  test('verifyLms takes nothing for a public key that is none', () => {
    assert.equal(verifyLms(new Uint8Array(56), MESSAGE, new Uint8Array(2348)), false);
    assert.equal(verifyLms(new Uint8Array(55), MESSAGE, new Uint8Array(2348)), false);
  });
});
