import { chapter } from './chapter.ts';

chapter('wrapping and unwrapping', 'wrapping', { devices: 1 });
