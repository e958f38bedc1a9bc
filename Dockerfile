# One image for both planes; docker-compose.yml says which one a service runs.
FROM node:26-bookworm-slim
WORKDIR /respool
COPY package.json package-lock.json .npmrc ./
COPY contracts contracts
COPY kafka kafka
COPY control-plane control-plane
COPY data-plane data-plane
COPY e2e/package.json e2e/
COPY bench/package.json bench/
COPY clients/typescript/package.json clients/typescript/
# The image brings Node itself, so the package `node` need not fetch one: no install scripts.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
# A volume mounted here takes over the owner.
RUN mkdir /var/lib/respool && chown node:node /var/lib/respool
USER node
