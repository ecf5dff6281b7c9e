import { chapter } from './chapter.ts';

chapter('attributes of keys', 'key-attributes', { devices: 1 });
