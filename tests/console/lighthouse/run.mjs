// Runs lighthouse on pages of the console, one after the other, and prints the four scores of each as JSON.
// node run.mjs CHROMIUM URL AUTHORIZATION VIEW…

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import lighthouse from "lighthouse";
import puppeteer from "puppeteer-core";

const [chromium, url, authorization, ...views] = process.argv.slice(2);
const profile = mkdtempSync(join(tmpdir(), "lighthouse-"));
const browser = await puppeteer.launch({ executablePath: chromium, args: ["--no-sandbox"], userDataDir: profile });
try {
  for (const view of views) {
    const page = await browser.newPage();
    if (view !== "signin") {
      await page.goto(url);
      await page.evaluate((session) => sessionStorage.setItem("c8ybin.session", session), JSON.stringify({
        name: "demo", roles: ["ROLE_EVENT_READ", "ROLE_EVENT_ADMIN"], authorization,
      }));
    }
    const target = view === "signin" ? url : `${url}/#/${view}`;
    const flags = { disableStorageReset: true, logLevel: "error" };
    const { lhr } = await lighthouse(target, flags, undefined, page);
    const scores = Object.fromEntries(Object.entries(lhr.categories).map(([name, { score }]) => [name, Math.round(score * 100)]));
    const failed = Object.values(lhr.audits).filter(({ score }) => score !== null && score < 0.9).map(({ id }) => id);
    console.log(JSON.stringify({ view, ...scores, failed }));
    await page.close();
  }
} finally {
  await browser.close();
  rmSync(profile, { recursive: true, force: true });
}
