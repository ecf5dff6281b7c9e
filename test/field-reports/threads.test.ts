import { chapter } from './chapter.ts';

chapter('threads', 'threads');
