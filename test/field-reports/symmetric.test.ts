import { chapter } from './chapter.ts';

chapter('AES and HMAC', 'symmetric', { devices: 1 });
