// Makes static/console/vendor/tabler.css: of Tabler, the rules that our templates use; its dark theme follows the browser.
//
//   npm install --no-save @tabler/core@1.6.1 purgecss postcss clean-css && node console/tabler/trim.js
//
// Run it after using a class of Tabler that was not used before; tests/console/test_styles.py tells when.

const { PurgeCSS } = require("purgecss");
const postcss = require("postcss");
const CleanCSS = require("clean-css");
const fs = require("fs");
const path = require("path");

const root = path.join(__dirname, "..");
const DARK = /^(:root)?\[data-bs-theme=dark\]/;
const OTHER_THEMES = /data-(bs-)?theme|navbar-theme|data-bs-/;

function useBrowsersChoice(sheet) {
  const media = postcss.atRule({ name: "media", params: "(prefers-color-scheme: dark)" });
  sheet.walkRules((rule) => {
    if (rule.parent.type === "atrule" && /keyframes/.test(rule.parent.name)) return;
    const dark = rule.selectors.filter((selector) => DARK.test(selector));
    const plain = rule.selectors.filter((selector) => !OTHER_THEMES.test(selector));
    if (dark.length) {
      const copy = rule.clone();
      copy.selectors = dark.map((selector) => selector.replace(DARK, ":root"));
      media.append(copy);
    }
    if (plain.length) rule.selectors = plain;
    else rule.remove();
  });
  sheet.append(media);
}

function dropUnreadProperties(sheet) {
  const own = fs.readFileSync(path.join(root, "static/console/console.css"), "utf8");
  for (let before = -1, after = 0; before !== after; ) {
    before = after;
    const text = sheet.toString() + own;
    sheet.walkDecls(/^--/, (declaration) => {
      if (!text.includes(`var(${declaration.prop}`)) {
        declaration.remove();
        after += 1;
      }
    });
  }
  sheet.walkRules((rule) => {
    if (!rule.nodes.length) rule.remove();
  });
}

async function main() {
  const raw = fs.readFileSync(require.resolve("@tabler/core/dist/css/tabler.min.css"), "utf8");
  const [used] = await new PurgeCSS().purge({
    content: [path.join(root, "templates/**/*.html"), path.join(root, "**/*.py")],
    css: [{ raw }],
    safelist: ["html", "body", "is-invalid"],
    defaultExtractor: (content) => content.match(/[A-Za-z0-9_-]+/g) || [],
  });
  const sheet = postcss.parse(used.css);
  useBrowsersChoice(sheet);
  dropUnreadProperties(sheet);
  const breaks = { afterRuleEnds: true, afterComment: true, afterBlockBegins: true, afterBlockEnds: true };
  const { styles } = new CleanCSS({ level: 1, format: { breaks } }).minify(sheet.toString());
  const clean = styles.replace(/^@charset "UTF-8";\s*/, "").replace(/\/\*# sourceMappingURL.*?\*\//, "");
  fs.writeFileSync(path.join(root, "static/console/vendor/tabler.css"), `${clean.trim()}\n`);
}

main();
