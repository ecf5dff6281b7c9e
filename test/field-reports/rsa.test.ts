import { chapter } from './chapter.ts';

chapter('RSA', 'rsa', { devices: 1 });
