/** As `expected-differences.ts`, for keys of hash-based signatures. */

import { ALL, type Row } from './expected-differences.ts';

const WHY = {
  oneRow:
    'The one-time keys of a hash-based key are no keys of their own (types 7 and 8): nothing could be done with them.',
  badLms: 'An unknown LMS type is BAD_ARGUMENTS; the recorded device crashed.',
  height15: 'A tree of height 15 takes one row, not 32768 flash blocks, so there is room for it.',
};

export const expectedHashsigDifferences: readonly Row[] = [
  ['hashsig/match.all', ALL, '2 keys instead of 35', WHY.oneRow],
  ['hashsig-bad-lms/generate', ALL, 'BAD_ARGUMENTS instead of no reply', WHY.badLms],
  ['hashsig-lms-15/generate', ALL, 'OK instead of NO_KEY_INDEX_SLOTS', WHY.height15],
];
