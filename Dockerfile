# Not needed: the bootstrap runs this project's code on the stock image. For those who prefer an image of
# their own, with their packages in it. Built in no test.
#
#   docker build -t registry.internal/dagster:1 . && docker push registry.internal/dagster:1
#
# and in the configuration: `images: {dagster: registry.internal/dagster:1}`.
FROM docker.io/dagster/dagster-k8s:1.13.27

# What your code locations import, at the versions of this project where it has them.
COPY constraints.txt /tmp/constraints.txt
RUN pip install --no-cache-dir --constraint /tmp/constraints.txt dagster-aws

# Any user that is not root, and has a number.
USER 10001
