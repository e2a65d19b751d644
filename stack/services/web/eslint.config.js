import js from "@eslint/js";
import a11y from "eslint-plugin-jsx-a11y";
import hooks from "eslint-plugin-react-hooks";
import ts from "typescript-eslint";

export default ts.config(
  { ignores: [".next/", "node_modules/", "next-env.d.ts"] },
  js.configs.recommended,
  {
    files: ["**/*.{ts,tsx}"],
    extends: [ts.configs.strictTypeChecked, ts.configs.stylisticTypeChecked, a11y.flatConfigs.strict, hooks.configs.flat.recommended],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // `Array<A | B>` reads better than `(A | B)[]`, and simple ones are short either way.
      "@typescript-eslint/array-type": ["error", { default: "array-simple" }],
      // Numbers in templates are what templates are for.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // Empty strings are "nothing" in the forge's answers.
      "@typescript-eslint/prefer-nullish-coalescing": ["error", { ignoreConditionalTests: true, ignorePrimitives: { string: true } }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreVoidReturningFunctions: true }],
      // Expressions speak of bytes and of control characters that must not get in.
      "no-control-regex": "off",
    },
  },
  { files: ["scripts/*.mjs", "*.js"], languageOptions: { globals: { process: "readonly", console: "readonly" } } },
);
