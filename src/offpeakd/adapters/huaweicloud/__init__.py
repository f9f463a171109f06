"""DDS and IAM of Huawei Cloud, over HTTP: the only package that knows either."""
