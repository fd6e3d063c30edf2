# One image for every process: web, worker, clock and the one-shot prepare_database. compose.yml runs them.
# python-ldap has no wheel; it is built apart, so that the image carries no compiler.
FROM python:3.13-slim-trixie AS ldap
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev libldap-dev libsasl2-dev
COPY requirements-ldap.txt ./
RUN python -m pip wheel --no-cache-dir --require-hashes -r requirements-ldap.txt --wheel-dir /wheels

FROM python:3.13-slim-trixie

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    ROLLCALL_DEBUG=false \
    ROLLCALL_DATA=/tmp/rollcall

WORKDIR /app
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin rollcall

# Python's image comes without its library compiled, and the file system is read-only where ours runs: each process would
# compile the library anew, and each health check, four times as long as the check itself.
RUN python -m compileall -q "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"

COPY requirements.txt ./
RUN python -m pip install --require-hashes -r requirements.txt
COPY --from=ldap /wheels /wheels
RUN apt-get update && apt-get install -y --no-install-recommends libldap2 libsasl2-2 \
    && rm -rf /var/lib/apt/lists/* \
    && python -m pip install --no-index /wheels/*.whl

COPY . .
# A fifth of the start of each process otherwise, for the same reason.
RUN python -m compileall -q .
# Collecting static files reads the settings, which insist on every value; none of these is used or kept.
RUN ROLLCALL_PUBLIC_URL=https://build.invalid \
    ROLLCALL_SECRET_KEY=only-for-collecting-the-static-files \
    ROLLCALL_MASTER_KEY=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
    DATABASE_URL=postgresql://build:build@build.invalid/build \
    REDIS_URL=redis://build.invalid \
    python manage.py collectstatic --noinput

USER rollcall
EXPOSE 8000
CMD ["python", "manage.py", "serve", "--bind=0.0.0.0", "--port=8000"]
