/** What the status page loads besides itself; its content security policy allows nothing inline. */

export const STYLE_CSS = `:root { color-scheme: light dark; font-family: system-ui, sans-serif; }
body { margin: 0; display: grid; place-items: start center; min-height: 100vh; }
main { width: min(38rem, 100% - 2rem); margin: 2rem 0; }
h1 { margin: 0; font-weight: 600; }
h2 { margin: .25rem 0 1.5rem; font-weight: 400; font-variant-numeric: tabular-nums; }
ul { list-style: none; margin: 0 0 1.5rem; padding: 0; }
.leds { display: flex; gap: 1.5rem; font-size: .8rem; letter-spacing: .05em; }
.leds li { display: flex; align-items: center; gap: .5rem; }
.led { width: .8rem; height: .8rem; border-radius: 50%; }
.green { background: #2fa84f; } .yellow { background: #d9a400; } .red { background: #d22f27; }
.blinks { animation: blink .5s steps(1) infinite; }
@keyframes blink { 50% { opacity: .15; } }
@media (prefers-reduced-motion: reduce) { .blinks { animation: none; outline: 2px dashed; outline-offset: 2px; } }
.devices li { padding: .6rem .8rem; margin-bottom: .4rem; border-left: .3rem solid #2fa84f; background: color-mix(in srgb, currentColor 6%, transparent); }
.devices .down { border-color: #d22f27; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1rem; margin: 0 0 1.5rem; }
dt { opacity: .7; } dd { margin: 0; overflow-wrap: anywhere; }
`;

export const LOGO_SVG = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96" fill="none" stroke="#2b6cb0" stroke-width="4" stroke-linejoin="round"><path d="M24 14h48l18 24-42 46L6 38z"/><path d="M6 38h84M34 38l14 46 14-46M24 14l10 24 14-24 14 24 10-24"/></svg>
`;
