/** The version of the software, in the one form that is shown everywhere (manual 3.9). */

import packageFacts from '../../package.json' with { type: 'json' };

/** `YYYY-MM-DD-VV` of the release; must grow with every release, because administrators compare it (manual 3.9). */
const RELEASE = '2026-11-25-01';

/** `YYYY-MM-DD-VV - a.b.c.d`; a.b.c is the version of the package, d counts rebuilds of it. */
export const VERSION = `${RELEASE} - ${packageFacts.version}.0`;
