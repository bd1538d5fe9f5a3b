import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "./theme/tokens.css";
import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { setNonce } from "get-nonce";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { I18nextProvider } from "react-i18next";
import { newQueryClient } from "./api/queries";
import { newRouter } from "./routes";
import { languageOfPage, startTexts } from "./texts";
import { cookieScheme } from "./theme/scheme";
import { resolver, theme } from "./theme/theme";

const scheme = cookieScheme();

async function start() {
  const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
  setNonce(nonce); // for the style that keeps the page from scrolling behind a dialogue
  const texts = await startTexts(languageOfPage());
  const client = newQueryClient();
  const root = document.getElementById("root");
  if (root === null) throw new Error("index.html has no #root");
  createRoot(root).render(
    <StrictMode>
      <I18nextProvider i18n={texts}>
        <MantineProvider
          theme={theme}
          cssVariablesResolver={resolver}
          colorSchemeManager={scheme}
          defaultColorScheme="auto"
          getStyleNonce={() => nonce}
        >
          <Notifications position="bottom-right" />
          <QueryClientProvider client={client}>
            <RouterProvider router={newRouter(client, texts)} />
          </QueryClientProvider>
        </MantineProvider>
      </I18nextProvider>
    </StrictMode>,
  );
}

void start();
