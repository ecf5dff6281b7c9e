import { chapter } from './chapter.ts';

chapter('imported private keys', 'imports', { devices: 1 });
