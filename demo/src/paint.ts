import { styleText } from "node:util";

export type Style = Parameters<typeof styleText>[0];

/** Puts colour on text, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string;

export const plain: Paint = (_style, text) => text;

/** Colour for a terminal that wants it: see no-color.org. */
export function paintFor(
  stream: { readonly isTTY?: boolean },
  environment: Readonly<Record<string, string | undefined>>,
): Paint {
  const isRefused = (environment.NO_COLOR ?? "") !== "" || environment.TERM === "dumb";
  return stream.isTTY === true && !isRefused
    ? (style, text) => styleText(style, text, { validateStream: false })
    : plain;
}
