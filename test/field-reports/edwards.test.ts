import { chapter } from './chapter.ts';

chapter('EdDSA', 'edwards', { devices: 1 });
